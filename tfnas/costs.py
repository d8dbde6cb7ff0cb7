"""What ops cost: the matrices of the objective and its price term."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from tfnas.architecture import Architecture
from tfnas.network import build
from tfnas.ops import OPS, op_chain
from tfnas.space import CellSpace, Site


@cache
def op_params(site: Site) -> int:
    """Trainable parameters of one op at one site."""
    if OPS[site.op] is None:
        return 0
    image = keras.Input((site.height, site.width, site.in_channels))
    total, x = 0, image
    for layer in op_chain(
        site.op, keras.layers, site.out_channels, site.stride, "counted"
    ):
        x = layer(x)
        total += sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    return total


@cache
def _fixed_params(space: CellSpace) -> int:
    """Trainable parameters of stem, cell plumbing and head."""
    op = next(index for index, name in enumerate(space.ops) if name != "none")
    whole = Architecture(space, (op,) * len(space.choices))
    built = sum(int(np.prod(w.shape)) for w in build(whole).trainable_weights)
    return built - sum(op_params(site) for site in whole.sites)


@cache
def count_params(architecture: Architecture) -> int:
    """Trainable parameters of a whole network."""
    space = architecture.space
    if any(len(architecture.live_nodes(c.kind)) < space.nodes for c in space.stack):
        weights = build(architecture).trainable_weights  # `none` made states narrower
        return sum(int(np.prod(weight.shape)) for weight in weights)
    return _fixed_params(space) + sum(op_params(site) for site in architecture.sites)


def params_matrix(space: CellSpace) -> NDArray[np.float32]:
    """`P` of the objective: trainable parameters of every op at every choice.

    Returns:
        Sums over the sites of a choice, shape `(num_choices, num_ops)`.
    """
    return np.array(
        [
            [sum(map(op_params, space.sites(choice, op))) for op in space.ops]
            for choice in space.choices
        ],
        np.float32,
    )


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


def expected_ms(gamma_bar: Any, latency_ms: Any) -> Any:
    """Latency of the relaxed network's ops: `sum_e sum_m gamma_bar[e, m] T[e, m]`."""
    return ops.sum(gamma_bar * latency_ms)
