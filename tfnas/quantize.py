"""Float model -> int8 .tflite by post-training quantization, and its accuracy."""

from typing import Any

import numpy as np

from tfnas.data import Dataset, Images, Labels
from tfnas.pipeline import calibration_images
from tfnas.tflite import Int8Model, check_int8, convert_int8


def quantize(
    model: Any, data: Dataset, seed: int = 0, *, per_tensor_dense: bool = False
) -> bytes:
    """Quantize with ranges from training images, and refuse what is not all int8.

    Args:
        model: A Keras model of images.
        data: Gives the images.
        seed: Chooses them.
        per_tensor_dense: See `convert_int8`; the target says whether it needs it.

    Raises:
        ModelError: If an op or a tensor stayed float.
    """
    images = calibration_images(data, seed=seed)
    flatbuffer = convert_int8(model, images, per_tensor_dense=per_tensor_dense)
    check_int8(flatbuffer)
    return flatbuffer


def int8_accuracy(flatbuffer: bytes, x: Images, y: Labels) -> float:
    """Share of images that an int8 model puts into their class, by LiteRT.

    Args:
        flatbuffer: The .tflite model.
        x: Images, 0..255, shape `(num, height, width, channels)`.
        y: Classes, shape `(num,)`.
    """
    logits = Int8Model(flatbuffer).predict(x.astype(np.float32) / np.float32(255))
    return float(np.mean(np.argmax(logits, axis=-1) == y))
