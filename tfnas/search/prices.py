"""What a network costs while it is still relaxed: the price terms of the objective."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from tfnas.latency.table import LatencyTable
from tfnas.networks.counts import params_matrix
from tfnas.search.settings import SearchConfig

COSTS = ("latency", "params", "count")


@dataclass(frozen=True)
class Prices:
    """The three costs of a relaxed network, each divided by that of a reference.

    The reference is the uniform mixture of the ops that may stand at a choice and run
    on the target, so that the weights have no unit.

    Attributes:
        table: Milliseconds of ops, and of what choices share.
        params: Parameters of every op at every choice, shape `(num_choices, num_ops)`.
        latency_weight: kappa of the objective.
        params_weight: lambda of it.
        count_weight: mu of it.
    """

    table: LatencyTable
    params: NDArray[np.float32]
    latency_weight: float
    params_weight: float
    count_weight: float

    @classmethod
    def of(cls, table: LatencyTable, config: SearchConfig) -> Self:
        """Those of a table's space, with the weights of the settings."""
        return cls(
            table,
            params_matrix(table.space),
            config.latency_weight,
            config.params_weight,
            config.count_weight,
        )

    def terms(self, point: Any, gamma_bar: Any) -> dict[str, Any]:
        """`A sum_a S_a C_a`, apart for each of the three costs `C`.

        What choices can share, such as equal pools of one state, is paid once: their
        cost is `T (1 - prod(1 - gamma_bar))`. Sums belong to no op: they have the price
        of the uniform point.

        Args:
            point: Complexity vector `S`, shape `(..., num_axes)`.
            gamma_bar: Noise-free op weights, shape `(..., num_choices, num_ops)`.

        Returns:
            Shapes `(...)`, without a unit, by the names of `COSTS`.
        """
        space, table = self.table.space, self.table
        shares = _shares(point, space.axis_of_ops)[..., None, :]
        paid, joined = space.shared(gamma_bar, ops)
        latency_ms = _total(shares * paid * table.matrix())
        latency_ms = latency_ms + ops.sum(joined * table.joins_ms(), axis=-1)
        params = _total(shares * gamma_bar * self.params)
        reference_params = float(np.sum(self._mixture() * self.params))
        return {
            "latency": _per(self.latency_weight, self._reference_ms()) * latency_ms,
            "params": _per(self.params_weight, reference_params) * params,
            "count": self.count_weight / len(self.params) * _total(shares * gamma_bar),
        }

    def pulls(self, points: Any, alphas: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The terms at many points, and their gradients by the logits.

        Args:
            points: Shape `(count, num_axes)`.
            alphas: Logits there, shape `(count, num_choices, num_ops)`.

        Returns:
            By the names of `COSTS`: shapes `(count,)`, and that of `alphas`.
        """
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(alphas)
            terms = self.terms(points, ops.softmax(alphas))
        return terms, {
            name: tape.gradient(cost, alphas) for name, cost in terms.items()
        }

    def _mixture(self) -> NDArray[np.float32]:
        usable = self.table.usable().astype(np.float32)
        shares: NDArray[np.float32] = usable / usable.sum(axis=1, keepdims=True)
        return shares

    def _reference_ms(self) -> float:
        return float(self.table.relaxed_ms(self._mixture()) - self.table.skeleton_ms)


def _shares(point: Any, axis_of_ops: Sequence[int] | None) -> Any:
    """What an op's price is multiplied by, 1 at the uniform point: `(..., num_ops)`."""
    scaled = point.shape[-1] * point
    return scaled if axis_of_ops is None else ops.take(scaled, axis_of_ops, axis=-1)


def _total(costs: Any) -> Any:
    """Summed over choices and ops."""
    return ops.sum(costs, axis=(-2, -1))


def _per(weight: float, reference: float) -> float:
    """A cost that is 0 for every op has no part in the price."""
    return weight / reference if reference > 0 else 0.0
