"""A trained float member -> one that has learned to live with int8, as .tflite.

The member is built once more on `tf_keras`, where tensorflow-model-optimization puts
the rounding of int8 into it, and trained on.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from tfnas.data.dataset import Dataset
from tfnas.data.halves import calibration_images
from tfnas.deploy.qat.fake_quant import fake_quantized
from tfnas.deploy.qat.grids import ranges
from tfnas.deploy.qat.legacy_keras import tf_keras
from tfnas.deploy.qat.twin import twin
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import fit, steps_of_epoch
from tfnas.networks.convert import convert_int8
from tfnas.spaces.architecture import Architecture
from tfnas.tflite.graph import check_int8
from tfnas.tflite.traits import PLAIN, Traits

EPOCHS = 1
_LR_SHARE = 0.1


def fine_tune(
    model: Any,
    architecture: Architecture,
    data: Dataset,
    config: TrainConfig,
    epochs: int = EPOCHS,
    *,
    traits: Traits = PLAIN,
    callbacks: Sequence[Any] = (),
) -> bytes:
    """Train a member on with int8 in the loop; the test set is not looked at.

    Args:
        model: What `train_member` made of the architecture; it stays as it is.
        architecture: The member.
        data: Gives the training images.
        config: How it was trained; a tenth of its learning rate is used.
        epochs: Passes over the training set, from 1.
        traits: Of the device it is for.
        callbacks: Keras callbacks that look at epochs, steps and logs.

    Returns:
        The .tflite flatbuffer, with int8 input and output.

    Raises:
        ModelError: If the model is not of the architecture, or not all becomes int8.
    """
    images = calibration_images(data, seed=config.seed)
    network = twin(model, architecture)
    measured = ranges(network, images)
    aware = fake_quantized(network, measured, traits=traits)
    listener = _legacy_callback(callbacks, steps_of_epoch(data, config), epochs)
    fit(
        aware,
        data,
        replace(config, lr=_LR_SHARE * config.lr),
        range(config.epochs, config.epochs + epochs),
        [listener],
        library=tf_keras,
    )
    # The graph tells the ranges: the converter asks for images, and ignores them.
    flatbuffer = convert_int8(aware, images[:1], traits=traits)
    check_int8(flatbuffer, architecture.space.tflite_ops)
    return flatbuffer


def _legacy_callback(callbacks: Sequence[Any], steps: int, epochs: int) -> Any:
    """One callback of `tf_keras` that calls those of Keras 3."""
    called = keras.callbacks.CallbackList([*callbacks], steps=steps, epochs=epochs)
    events = "train_begin train_end epoch_begin epoch_end train_batch_begin"
    hooks = [f"on_{event}" for event in [*events.split(), "train_batch_end"]]
    return tf_keras.callbacks.LambdaCallback(
        **{hook: getattr(called, hook) for hook in hooks}
    )
