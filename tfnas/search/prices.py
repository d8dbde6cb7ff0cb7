"""What ops cost: the matrices of the objective and its price term."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from keras import ops
from numpy.typing import NDArray

from tfnas.latency.table import LatencyTable
from tfnas.networks.counts import params_matrix
from tfnas.search.settings import SearchConfig
from tfnas.spaces.ops import find_op


@dataclass(frozen=True)
class PriceWeights:
    """Weights of the three costs; none has a unit.

    Attributes:
        params: lambda, of the parameters.
        latency: kappa, of the latency.
        count: mu, of an op's mere presence.
    """

    params: float
    latency: float
    count: float

    @classmethod
    def of(cls, config: SearchConfig) -> Self:
        """The weights that settings name."""
        return cls(config.params_weight, config.latency_weight, config.count_weight)


def unit_prices(
    params: Any, latency_ms: Any, weights: PriceWeights, allowed: Any = True
) -> NDArray[np.float32]:
    """`lambda P / P_ref + kappa T / T_ref + mu / E`.

    `P_ref` and `T_ref` are the totals of the uniform mixture of those ops that may
    stand at a choice; a cost that is 0 for every op has no part in the price.

    Args:
        params: `P`, shape `(num_choices, num_ops)`.
        latency_ms: `T`, the same shape, in milliseconds.
        weights: lambda, kappa and mu.
        allowed: Which ops may stand where, the same shape; all by default.

    Returns:
        What each op at each choice costs at the uniform point, the same shape.
    """
    prices = np.full(np.shape(params), weights.count / len(params))
    for weight, cost in ((weights.params, params), (weights.latency, latency_ms)):
        reference = np.mean(cost, axis=1, where=allowed).sum()
        if reference > 0:
            prices += weight * np.asarray(cost) / reference
    return prices.astype(np.float32)


def prices_of(table: LatencyTable, config: SearchConfig) -> NDArray[np.float32]:
    """`unit_prices` of the space of a table, with the weights of the settings."""
    space, weights = table.space, PriceWeights.of(config)
    return unit_prices(params_matrix(space), table.matrix(), weights, space.allowed)


def price(
    point: Any, gamma_bar: Any, prices: Any, axis_of_ops: Sequence[int] | None = None
) -> Any:
    """The price term: `A sum_a S_a sum_e sum_(m in a) gamma_bar[e, m] prices[e, m]`.

    Args:
        point: Complexity vector `S`, shape `(num_axes,)`.
        gamma_bar: Noise-free op weights, shape `(num_choices, num_ops)`.
        prices: What `unit_prices` returned, the same shape.
        axis_of_ops: For every op, the position of its axis; None where every op is an
            axis of its own.

    Returns:
        The price of the relaxed network, a scalar without a unit.
    """
    shares = point if axis_of_ops is None else ops.take(point, axis_of_ops)
    return point.shape[0] * ops.sum(shares * gamma_bar * prices)


def relaxed_latency_ms(table: LatencyTable, alpha: Any) -> float:
    """Calibrated latency of the relaxed network that logits stand for.

    Every filled choice is joined to the rest on its own: a mixture shares nothing.

    Args:
        table: Prices of the ops.
        alpha: Logits, shape `(num_choices, num_ops)`.
    """
    gamma_bar = np.asarray(ops.softmax(alpha))
    filled = gamma_bar @ [find_op(op).chain is not None for op in table.space.ops]
    relaxed = float(expected_ms(gamma_bar, table.matrix()))
    relaxed += float(filled @ table.joins_ms())
    fit = table.calibration
    return fit.offset_ms + fit.scale * (table.skeleton_ms + relaxed)


def expected_ms(gamma_bar: Any, latency_ms: Any) -> Any:
    """Latency of the relaxed network's ops: `sum_e sum_m gamma_bar[e, m] T[e, m]`."""
    return ops.sum(gamma_bar * latency_ms)
