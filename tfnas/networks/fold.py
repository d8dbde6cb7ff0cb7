"""Branches of identity, folded into the convolutions that they were trained beside."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfnas.networks.build import build
from tfnas.networks.fast_layers import fast_layers
from tfnas.networks.weights import Weights, inherit, recalibrate
from tfnas.spaces.architecture import Architecture


def inherit_folded(
    model: Any, weights: Weights, architecture: Architecture, batches: Iterable[Any]
) -> None:
    """Give a member without branches what it is in the supernet, where it has them.

    `BN(W x) + x` is one convolution (RepVGG, arXiv 2101.03697, section 3.3). Its batch
    norm gets the statistics of what it now takes and undoes them, so that training
    begins where the supernet ended.

    Args:
        model: What `build` made of the architecture.
        weights: What `named_weights` returned of the supernet.
        architecture: The member.
        batches: Pairs of scaled images and their classes, to measure statistics on.

    Raises:
        KeyError: If a layer of the model is not among the weights.
    """
    places = {names[0]: names for names in _places(architecture)}
    if not places:
        inherit(model, weights, architecture)
        return
    trained = build(architecture, layers=fast_layers, branches=True)
    inherit(trained, weights, architecture)
    recalibrate(trained, batches)
    model.set_weights(trained.get_weights())
    sums = {conv: trained.get_layer(relu).input for conv, _, relu in places.values()}
    moments = _moments(keras.Model(trained.input, sums), batches)
    for conv, norm, _ in places.values():
        _fold(model.get_layer(conv), model.get_layer(norm), *moments[conv])


def _places(architecture: Architecture) -> Iterator[tuple[str, ...]]:
    """Names of convolution, batch norm and activation of each branch."""
    space = architecture.space
    for slot in space.slots:
        op = space.op(architecture.ops[slot.choice])
        if op.chain is not None and op.has_branches(slot):
            chain = op.chain(keras.layers, slot, f"{slot.name}_{op.name}")
            names = [layer.name for layer in chain]
            yield from zip(names[::3], names[1::3], names[2::3], strict=True)


def _moments(model: Any, batches: Iterable[Any]) -> dict[str, tuple[Any, Any]]:
    """Mean and variance of each channel of every output."""
    run = tf.function(partial(model, training=False), reduce_retracing=True)
    seen = [keras.tree.map_structure(_powers, run(images)) for images, _ in batches]
    means = {name: np.mean([powers[name] for powers in seen], 0) for name in seen[0]}
    return {name: (mean, square - mean**2) for name, (mean, square) in means.items()}


def _powers(y: Any) -> NDArray[np.float64]:
    """Mean and mean square of each channel."""
    return np.stack([np.mean(y**n, (0, 1, 2), np.float64) for n in (1, 2)])


def _fold(conv: Any, norm: Any, mean: NDArray[Any], variance: NDArray[Any]) -> None:
    """Write a convolution and its batch norm anew, with the input added."""
    (kernel,), (gamma, beta, was, spread) = conv.get_weights(), norm.get_weights()
    scale = gamma / np.sqrt(spread + norm.epsilon)
    depthwise = isinstance(conv, keras.layers.DepthwiseConv2D)
    kernel = kernel * (scale[:, None] if depthwise else scale)
    middle = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]
    middle += np.ones_like(middle) if depthwise else np.eye(len(middle))
    undo = np.sqrt(variance + norm.epsilon)
    conv.set_weights([kernel])
    norm.set_weights([undo, mean, mean - (beta - scale * was), variance])
