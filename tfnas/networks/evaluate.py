"""How good a network is: accuracy and loss."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfnas.networks.build import build
from tfnas.networks.fast_layers import fast_layers
from tfnas.networks.weights import (
    Weights,
    inherit,
    recalibrate,
    set_statistics,
    statistics,
)
from tfnas.spaces.architecture import Architecture

Batches = Iterable[tuple[Any, NDArray[np.int32]]]


def score_member(
    architecture: Architecture, weights: Weights, seen: Any, held_out: Batches
) -> tuple[float, float]:
    """Score a member with the supernet's weights and batch-norm statistics of its own.

    Args:
        architecture: The member.
        weights: What `named_weights` returned of the supernet.
        seen: Batches of training images to measure batch norm on.
        held_out: Batches of scaled images and classes to score it on.

    Returns:
        Mean cross-entropy and accuracy.
    """
    model = build(architecture, layers=fast_layers, branches=True)
    inherit(model, weights, architecture)
    recalibrate(model, seen)
    logits, y = _logits(_as_graph(model), held_out)
    losses = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    return float(np.mean(losses)), float(np.mean(np.argmax(logits, axis=-1) == y))


def settle(model: Any, seen: Batches) -> None:
    """Measure batch-norm statistics anew; the old ones stay if they were better.

    Args:
        model: A trained network of fast layers.
        seen: Batches of scaled training images and classes; about 100 are enough.
    """
    batches, run = [*seen], _as_graph(model)
    before, old = _share(run, batches), statistics(model)
    recalibrate(model, batches)
    if _share(run, batches) < before:
        set_statistics(model, old)


def accuracy(model: Any, batches: Batches) -> float:
    """Share of images that a float model puts into their class.

    Args:
        model: Maps images, pixels in 0..1, to logits.
        batches: Scaled images and their classes, as `in_order` gives them.
    """
    return _share(_as_graph(model), batches)


def _as_graph(model: Any) -> Any:
    """The model as one call; layer by layer, a small one took four times as long."""
    return tf.function(partial(model, training=False), reduce_retracing=True)


def _share(run: Any, batches: Batches) -> float:
    logits, y = _logits(run, batches)
    return float(np.mean(np.argmax(logits, axis=-1) == y))


def _logits(
    run: Any, batches: Batches
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Logits of all images, and their classes."""
    pairs = [(np.asarray(run(x)), y) for x, y in batches]
    logits, labels = zip(*pairs, strict=True)
    return np.concatenate(logits), np.concatenate(labels)
