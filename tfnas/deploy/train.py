"""Training one member, from the supernet's weights or from scratch."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras

from tfnas.data.batches import batches
from tfnas.data.dataset import Dataset
from tfnas.deploy.settings import TrainConfig
from tfnas.errors import RunError
from tfnas.networks.build import build
from tfnas.networks.evaluate import settle
from tfnas.networks.fast_layers import fast_layers
from tfnas.networks.fit import training_progress
from tfnas.networks.fold import inherit_folded
from tfnas.networks.weights import Weights
from tfnas.spaces.architecture import Architecture
from tfnas.support.files import read_json, replace_file, write_json

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
    make, start = partial(build, architecture), None
    if weights is not None:
        seen = _recalibration_batches(data, config)
        start = partial(
            inherit_folded, weights=weights, architecture=architecture, batches=seen
        )
    return train_network(make, data, config, start=start, callbacks=callbacks)


def train_network(
    make: Callable[..., Any],
    data: Dataset,
    config: TrainConfig,
    *,
    start: Callable[[Any], object] | None = None,
    callbacks: Sequence[Any] = (),
) -> keras.Model:
    """Train any classifier as members are trained.

    Args:
        make: Builds it, from Keras's own layers or from the module `layers=`.
        data: Gives the training set.
        config: Epochs, rates and seed.
        start: Puts other weights than fresh ones into it.
        callbacks: Keras callbacks for `fit`.

    Returns:
        A model of standard layers, as `make()` makes it.
    """
    keras.utils.set_random_seed(config.seed)
    fast = make(layers=fast_layers)
    if start is not None:
        start(fast)
    if config.epochs:
        fit(fast, data, config, range(config.epochs), callbacks)
    settle(fast, _recalibration_batches(data, config))
    model: keras.Model = make()
    model.set_weights(fast.get_weights())
    return model


def train_in(
    scratch: Path,
    architecture: Architecture,
    data: Dataset,
    config: TrainConfig,
    weights: Weights | None,
) -> tuple[keras.Model, float]:
    """Train a member with a folder that lets it go on where it was interrupted.

    Args:
        scratch: The folder: keeps each whole epoch, then the trained member.
        architecture: The member.
        data: Gives the training set.
        config: Epochs, rates and seed.
        weights: Where to start from; fresh weights where None.

    Returns:
        What `train_member` returns, and the seconds that it took.
    """
    kept, clock = scratch / "model.keras", scratch / "seconds.json"
    if clock.exists():
        return keras.models.load_model(kept), read_json(clock, "clock", RunError)
    backup = scratch / "epochs"
    backup.mkdir(parents=True, exist_ok=True)
    progress = training_progress("Train", config.epochs)
    began = time.monotonic()
    model = train_member(
        architecture,
        data,
        config,
        weights=weights,
        callbacks=[keras.callbacks.BackupAndRestore(str(backup)), progress],
    )
    seconds = time.monotonic() - began
    replace_file(kept, model.save)
    write_json(clock, seconds)
    return model, seconds


def fit(
    model: Any,
    data: Dataset,
    config: TrainConfig,
    epochs: range,
    callbacks: Sequence[Any] = (),
    *,
    library: Any = keras,
) -> None:
    """Train a classifier on the whole training set.

    SGD with Nesterov's momentum steps by a rate that a cosine anneals to 0 (SGDR,
    https://arxiv.org/abs/1608.03983, without restarts).

    Args:
        model: A model of `library`, images to logits; it is compiled here.
        data: Gives the training set.
        config: Images per step, highest rate, weight decay and seed.
        epochs: Which epochs, counted from 0: their numbers decide order and noise.
        callbacks: Callbacks of `library`.
        library: `keras`, or `tf_keras` for a model of Keras 2.
    """
    steps = steps_of_epoch(data, config)
    rate = library.optimizers.schedules.CosineDecay(config.lr, steps * len(epochs))
    model.compile(
        library.optimizers.SGD(
            rate, momentum=_MOMENTUM, nesterov=True, weight_decay=config.weight_decay
        ),
        library.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        _batches(data, config, epochs),
        epochs=len(epochs),
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks],
    )


def steps_of_epoch(data: Dataset, config: TrainConfig) -> int:
    """Steps of one pass over the training set, without the last partial batch."""
    return len(data.x_train) // _batch_size(data, config)


def _batch_size(data: Dataset, config: TrainConfig) -> int:
    return min(config.batch_size, len(data.x_train))


def _batches(data: Dataset, config: TrainConfig, epochs: range) -> Any:
    return batches(
        data.x_train,
        data.y_train,
        _batch_size(data, config),
        seed=config.seed,
        flip=data.flip,
        epochs=epochs,
    )


def _recalibration_batches(data: Dataset, config: TrainConfig) -> Any:
    epochs = math.ceil(_RECALIBRATION_STEPS / steps_of_epoch(data, config))
    return _batches(data, config, range(epochs)).take(_RECALIBRATION_STEPS)
