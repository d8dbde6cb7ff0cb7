"""A supernet's weights in a member, with batch-norm statistics of its own."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
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

    Where a member is not whole, the layers around its slots have a part of the weights
    of the supernet's: the space says which.

    Args:
        model: What `build` made of the architecture; with `branches=True` it computes
            what the supernet does.
        weights: What `named_weights` returned of a supernet.
        architecture: The member.

    Raises:
        KeyError: If a layer of the model is not among the weights.
    """
    for layer in model.layers:
        if not layer.weights:
            continue
        values = weights[layer.name]
        if values[0].shape != tuple(layer.weights[0].shape):
            narrow = architecture.space.narrow
            kernel = narrow(layer.name, values[0], architecture.ops)
            values = [kernel, *values[1:]]
        layer.set_weights(values)


def recalibrate(model: Any, batches: Any) -> None:
    """Measure batch-norm statistics anew, as the mean over batches.

    Batch number n is taken with momentum `n / (n + 1)`, so that nothing stays of what
    was there before.

    Args:
        model: A network of fast layers.
        batches: Batches of scaled images and classes; about 50 are enough.
    """
    norms = _norms(model)
    momenta = [norm.momentum for norm in norms]

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def look(images: Any, momentum: Any) -> None:
        for norm in norms:
            norm.momentum = momentum
        model(images, training=True)

    for number, (images, _) in enumerate(batches):
        look(images, tf.constant(number / (number + 1)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def statistics(model: Any) -> list[Any]:
    """The moving mean and variance of every batch norm, as arrays."""
    return [variable.numpy() for variable in _moving(model)]


def set_statistics(model: Any, values: list[Any]) -> None:
    """Put back what `statistics` returned."""
    for variable, value in zip(_moving(model), values, strict=True):
        variable.assign(value)


def _moving(model: Any) -> list[Any]:
    norms = _norms(model)
    return [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]


def _norms(model: Any) -> list[Any]:
    return [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
