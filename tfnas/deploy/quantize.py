"""A trained float member -> the .tflite that is handed over."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.data.halves import calibration_images
from tfnas.deploy.settings import TrainConfig
from tfnas.networks.convert import FLOATS, INT8, convert_float, convert_int8
from tfnas.networks.evaluate import accuracy
from tfnas.networks.fit import training_progress
from tfnas.spaces.architecture import Architecture
from tfnas.support.progress import say
from tfnas.tflite.graph import check_int8
from tfnas.tflite.interpreter import tflite_accuracy
from tfnas.tflite.traits import PLAIN, Traits

AWARE = "qat"
_SAMPLE = 2000


@dataclass(frozen=True)
class Deployed:
    """A .tflite and how it came to its precision.

    Attributes:
        flatbuffer: The model.
        precision: `int8`, `dynamic`, `float16` or `float32`.
        quantization: `post-training`, `quantization-aware` or `none`.
    """

    flatbuffer: bytes
    precision: str
    quantization: str = "post-training"

    @property
    def file(self) -> str:
        """Its file name."""
        return f"model_{self.precision}.tflite"


def deploy(
    model: Any,
    architecture: Architecture,
    data: Dataset,
    config: TrainConfig,
    *,
    traits: Traits = PLAIN,
) -> Deployed:
    """Convert a member as the settings say; the test set is not looked at.

    `auto` quantizes after training. Where that costs more accuracy on training images
    than `max_accuracy_drop`, it trains on with int8 in the loop.

    Args:
        model: The trained member.
        architecture: What it is.
        data: Gives training images.
        config: Says how.
        traits: Of the device it is for.

    Raises:
        ModelError: If int8 was asked for, and an op or a tensor stayed float.
        SettingsError: If training with int8 was asked for and is not available.
    """
    if config.quantize in FLOATS:
        flatbuffer = quantize(model, data, precision=config.quantize)
        how = "post-training" if config.quantize == "dynamic" else "none"
        return Deployed(flatbuffer, config.quantize, how)
    if config.quantize != AWARE:
        flatbuffer = quantize(model, data, config.seed, traits=traits)
        check_int8(flatbuffer, architecture.space.tflite_ops)
        if config.quantize == INT8 or not _costs_too_much(
            model, flatbuffer, data, config
        ):
            return Deployed(flatbuffer, INT8)
    from tfnas.deploy.qat.fine_tune import (  # needs packages that nothing else does
        EPOCHS,
        fine_tune,
    )

    flatbuffer = fine_tune(
        model,
        architecture,
        data,
        config,
        traits=traits,
        callbacks=[training_progress("Train with int8", EPOCHS)],
    )
    return Deployed(flatbuffer, INT8, "quantization-aware")


def _costs_too_much(
    model: Any, flatbuffer: bytes, data: Dataset, config: TrainConfig
) -> bool:
    """Whether int8 is to be trained, and can be."""
    lost = accuracy_drop(model, flatbuffer, data, config.seed)
    if lost <= config.max_accuracy_drop:
        return False
    lacks = missing_for_qat()
    say(
        f"Int8 costs {lost:.2f} points on training images. "
        + (f"Kept as it is: {lacks}" if lacks else "Training on with int8 in the loop")
    )
    return not lacks


def accuracy_drop(model: Any, flatbuffer: bytes, data: Dataset, seed: int = 0) -> float:
    """Points of accuracy, in per cent, that a .tflite loses on training images."""
    picks = np.random.default_rng(seed).permutation(len(data.x_train))[:_SAMPLE]
    x, y = data.x_train[picks], data.y_train[picks]
    return 100 * (
        accuracy(model, in_order(x, y)) - tflite_accuracy(flatbuffer, in_order(x, y))
    )


def missing_for_qat() -> str:
    """What training with int8 lacks here; empty where nothing does."""
    packages = ("tf_keras", "tensorflow_model_optimization")
    if all(find_spec(package) for package in packages):
        return ""
    return (
        "Training with int8 in the loop needs packages that are not installed: "
        "pip install 'tfnas[qat]'"
    )


def quantize(
    model: Any,
    data: Dataset,
    seed: int = 0,
    *,
    precision: str = INT8,
    traits: Traits = PLAIN,
) -> bytes:
    """Convert after training; int8 gets its ranges from training images.

    Args:
        model: A Keras model of images.
        data: Gives the images.
        seed: Chooses them.
        precision: `int8`, `dynamic`, `float16` or `float32`.
        traits: Of the device it is for.

    Raises:
        ModelError: If int8 was asked for, and an op has no int8 kernel.
    """
    if precision != INT8:
        return convert_float(model, precision)
    images = calibration_images(data, seed=seed)
    return convert_int8(model, images, traits=traits)
