"""Training one member, from the supernet's weights or from scratch."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfnas.architecture import Architecture
from tfnas.config import TrainConfig
from tfnas.data import Dataset, Images, Labels
from tfnas.fast_layers import fast_layers
from tfnas.network import build
from tfnas.pipeline import batches, scale

_MOMENTUM = 0.9
_RECALIBRATION_STEPS = 100

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


def score_member(
    architecture: Architecture,
    weights: Weights,
    seen: Any,
    held_out: tuple[Images, Labels],
) -> tuple[float, float]:
    """Score a member with the supernet's weights and batch-norm statistics of its own.

    Args:
        architecture: The member.
        weights: What `named_weights` returned of the supernet.
        seen: Batches of training images to measure batch norm on.
        held_out: Images, 0..255, and classes to score it on.

    Returns:
        Mean cross-entropy and accuracy.
    """
    model = build(architecture, layers=fast_layers)
    inherit(model, weights, architecture)
    recalibrate(model, seen)
    x, y = held_out
    logits = _logits(model, x)
    losses = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    return float(np.mean(losses)), float(np.mean(np.argmax(logits, axis=-1) == y))


def train_member(
    architecture: Architecture,
    data: Dataset,
    config: TrainConfig,
    *,
    weights: Weights | None = None,
    callbacks: Sequence[Any] = (),
) -> keras.Model:
    """Train a member on the whole training set; the test set is not looked at.

    The number of epochs is fixed beforehand and the last epoch's weights are kept, so
    nothing is selected.

    Args:
        architecture: The member.
        data: Gives the training set.
        config: Epochs, rates and seed.
        weights: Where to start from; fresh weights where None.
        callbacks: Keras callbacks for `fit`.

    Returns:
        A model of standard layers, as `build` makes it.
    """
    keras.utils.set_random_seed(config.seed)
    fast = build(architecture, layers=fast_layers)
    if weights is not None:
        inherit(fast, weights, architecture)
    if config.epochs:
        _fit(fast, data, config, callbacks)
    else:  # training would measure batch norm's statistics on the way
        recalibrate(fast, _recalibration_batches(data, config))
    model = build(architecture)
    model.set_weights(fast.get_weights())
    return model


def _recalibration_batches(data: Dataset, config: TrainConfig) -> Any:
    size = min(config.batch_size, len(data.x_train))
    epochs = range(math.ceil(_RECALIBRATION_STEPS / (len(data.x_train) // size)))
    seen = batches(
        *(data.x_train, data.y_train, size),
        seed=config.seed,
        flip=data.flip,
        epochs=epochs,
    )
    return seen.take(_RECALIBRATION_STEPS)


def _fit(
    model: Any, data: Dataset, config: TrainConfig, callbacks: Sequence[Any]
) -> None:
    size = min(config.batch_size, len(data.x_train))
    steps = len(data.x_train) // size
    rate = keras.optimizers.schedules.CosineDecay(config.lr, steps * config.epochs)
    model.compile(
        keras.optimizers.SGD(
            rate, momentum=_MOMENTUM, nesterov=True, weight_decay=config.weight_decay
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    seen = batches(
        *(data.x_train, data.y_train, size),
        seed=config.seed,
        flip=data.flip,
        epochs=range(config.epochs),
    )
    model.fit(
        seen,
        epochs=config.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks],
    )


def accuracy(model: Any, x: Images, y: Labels) -> float:
    """Share of images that a float model puts into their class.

    Args:
        model: Maps images, pixels in 0..1, to logits.
        x: Images, 0..255, shape `(num, height, width, channels)`.
        y: Classes, shape `(num,)`.
    """
    return float(np.mean(np.argmax(_logits(model, x), axis=-1) == y))


def _logits(model: Any, x: Images) -> NDArray[np.float32]:
    """Logits of all images, batch by batch."""
    starts = range(0, len(x), 250)
    logits = [model(scale(x[i : i + 250]), training=False) for i in starts]
    return np.concatenate([np.asarray(part) for part in logits])
