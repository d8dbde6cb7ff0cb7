"""Training one member, from the supernet's weights or from scratch."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from tfnas.data.batches import batches
from tfnas.data.dataset import Dataset
from tfnas.deploy.settings import TrainConfig
from tfnas.networks.build import build
from tfnas.networks.fast_layers import fast_layers
from tfnas.networks.weights import Weights, inherit, recalibrate
from tfnas.spaces.architecture import Architecture

_MOMENTUM = 0.9
_RECALIBRATION_STEPS = 100


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
