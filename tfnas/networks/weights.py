"""A supernet's weights in a member, with batch-norm statistics of its own."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfnas.spaces.architecture import Architecture

Weights = Mapping[str, list[NDArray[np.float32]]]


def named_weights(model: Any) -> Weights:
    """The weights of every layer that has some, by the layer's name.

    Args:
        model: A network of `build`, or a supernet with its mixed ops.
    """
    return {
        layer.name: layer.get_weights()
        for layer in model._flatten_layers(include_self=False)
        if layer.weights and not getattr(layer, "candidates", None)
    }


def inherit(model: Any, weights: Weights, architecture: Architecture) -> None:
    """Give a member the weights its layers have elsewhere, matched by name.

    Where `none` leaves a node without input, the convolutions that read the cell's
    output lose that node's channels.

    Args:
        model: What `build` made of the architecture.
        weights: What `named_weights` returned of a supernet or of a trained member.
        architecture: The member.

    Raises:
        KeyError: If a layer of the model is not among the weights.
    """
    for layer in model.layers:
        if not layer.weights:
            continue
        values = weights[layer.name]
        if values[0].shape != tuple(layer.weights[0].shape):
            values = [_live_inputs(values[0], layer.name, architecture), *values[1:]]
        layer.set_weights(values)


def _live_inputs(
    kernel: NDArray[np.float32], name: str, architecture: Architecture
) -> NDArray[np.float32]:
    """The input channels of a kernel that come from nodes some path reaches."""
    stack, nodes = architecture.space.stack, architecture.space.nodes
    if name == "head_conv":
        source = stack[-1]
    else:  # cell2_input0_conv reads the output of cell 0
        cell, which = (int(number) for number in re.findall(r"\d+", name)[:2])
        source = stack[cell - 2 + which]
    live = architecture.live_nodes(source.kind)
    by_node = np.split(kernel, nodes, axis=-2)
    return np.concatenate([by_node[node - 2] for node in live], axis=-2)


def recalibrate(model: Any, batches: Any) -> None:
    """Measure the batch-norm statistics of a member that has others' averages.

    Args:
        model: The member, of fast layers.
        batches: Batches of scaled images and classes; about 50 are enough.
    """
    for images, _ in batches:
        model(images, training=True)
