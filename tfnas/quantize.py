"""Float model -> .tflite in the precision that was asked for."""

from typing import Any

from tfnas.data import Dataset
from tfnas.pipeline import calibration_images
from tfnas.tflite import check_int8, convert_float, convert_int8

INT8 = "int8"


def quantize(
    model: Any,
    data: Dataset,
    seed: int = 0,
    *,
    precision: str = INT8,
    per_tensor_dense: bool = False,
) -> bytes:
    """Convert after training; int8 gets its ranges from training images.

    Args:
        model: A Keras model of images.
        data: Gives the images.
        seed: Chooses them.
        precision: `int8`, `dynamic`, `float16` or `float32`.
        per_tensor_dense: See `convert_int8`; the target says whether it needs it.

    Raises:
        ModelError: If int8 was asked for, and an op or a tensor stayed float.
    """
    if precision != INT8:
        return convert_float(model, precision)
    images = calibration_images(data, seed=seed)
    flatbuffer = convert_int8(model, images, per_tensor_dense=per_tensor_dense)
    check_int8(flatbuffer)
    return flatbuffer
