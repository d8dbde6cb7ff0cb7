"""Parameters and multiply-accumulates of ops and networks."""

import math
from functools import cache
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfnas.networks.build import build
from tfnas.spaces.architecture import Architecture, skeleton
from tfnas.spaces.ops import find_op
from tfnas.spaces.site import SUM, Site
from tfnas.spaces.space import Space


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
    """Trainable parameters of one op at one site; a sum has none."""
    op = None if site.op == SUM else find_op(site.op)
    if op is None or op.chain is None:
        return 0
    x = keras.Input((site.height, site.width, site.in_channels))
    total = 0
    for layer in op.chain(keras.layers, site.slot, "counted"):
        x = layer(x)
        total += sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    return total


@cache
def _fixed_params(space: Space) -> int:
    """Trainable parameters of what every whole network has: stem, plumbing, head."""
    return _built_params(bare := skeleton(space)) - sum(map(op_params, bare.entries))


@cache
def count_params(architecture: Architecture) -> int:
    """Trainable parameters of a whole network."""
    if not architecture.space.is_whole(architecture.ops):
        return _built_params(architecture)
    return _fixed_params(architecture.space) + sum(map(op_params, architecture.entries))


def _built_params(architecture: Architecture) -> int:
    weights = build(architecture).trainable_weights
    return sum(int(np.prod(weight.shape)) for weight in weights)


def params_matrix(space: Space) -> NDArray[np.float32]:
    """`P` of the objective: trainable parameters of every op at every choice.

    Returns:
        Sums over the sites of a choice, shape `(num_choices, num_ops)`.
    """
    return space.matrix(op_params)
