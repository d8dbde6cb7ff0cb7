"""What ops cost: the matrices of the objective and its price term."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from keras import ops
from numpy.typing import NDArray

from tfnas.latency.table import LatencyTable
from tfnas.search.settings import SearchConfig


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
    params: Any, latency_ms: Any, weights: PriceWeights
) -> NDArray[np.float32]:
    """`lambda P / P_ref + kappa T / T_ref + mu / E`.

    `P_ref` and `T_ref` are the totals of the uniform mixture; a cost that is 0 for
    every op has no part in the price.

    Args:
        params: `P`, shape `(num_choices, num_ops)`.
        latency_ms: `T`, the same shape, in milliseconds.
        weights: lambda, kappa and mu.

    Returns:
        What each op at each choice costs at the uniform point, the same shape.
    """
    prices = np.full(np.shape(params), weights.count / len(params))
    for weight, cost in ((weights.params, params), (weights.latency, latency_ms)):
        reference = np.mean(cost, axis=1).sum()
        if reference > 0:
            prices += weight * np.asarray(cost) / reference
    return prices.astype(np.float32)


def price(point: Any, gamma_bar: Any, prices: Any) -> Any:
    """The price term: `sum_e sum_m k S_m gamma_bar[e, m] prices[e, m]`.

    Args:
        point: Complexity vector `S`, shape `(num_ops,)`.
        gamma_bar: Noise-free op weights, shape `(num_choices, num_ops)`.
        prices: What `unit_prices` returned, the same shape.

    Returns:
        The price of the relaxed network, a scalar without a unit.
    """
    return prices.shape[1] * ops.sum(point * gamma_bar * prices)


def relaxed_latency_ms(table: LatencyTable, alpha: Any) -> float:
    """Calibrated latency of the relaxed network that logits stand for.

    Every edge is added to its node on its own: a mixture shares no sums.

    Args:
        table: Prices of the ops.
        alpha: Logits, shape `(num_choices, num_ops)`.
    """
    gamma_bar = np.asarray(ops.softmax(alpha))
    filled = gamma_bar @ [op != "none" for op in table.space.ops]
    relaxed = float(expected_ms(gamma_bar, table.matrix()))
    relaxed += float(filled @ table.sums_ms())
    fit = table.calibration
    return fit.offset_ms + fit.scale * (table.skeleton_ms + relaxed)


def expected_ms(gamma_bar: Any, latency_ms: Any) -> Any:
    """Latency of the relaxed network's ops: `sum_e sum_m gamma_bar[e, m] T[e, m]`."""
    return ops.sum(gamma_bar * latency_ms)
