"""Parameters and multiply-accumulates of ops and networks."""

import math
from functools import cache
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfnas.networks.build import build
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.ops import OPS, op_chain
from tfnas.spaces.site import Site


def count_macs(model: Any) -> int:
    """Multiply-accumulates of one inference, in convolutions and dense layers."""
    return sum(_layer_macs(layer) for layer in model.layers)


def _layer_macs(layer: Any) -> int:
    kind = type(layer).__name__
    if kind not in ("Conv2D", "DepthwiseConv2D", "Dense"):
        return 0
    positions = math.prod(layer.output.shape[1:-1])
    return int(positions * math.prod(layer.kernel.shape))


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
