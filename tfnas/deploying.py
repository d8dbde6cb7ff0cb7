"""A trained float member -> the .tflite that is handed over."""

from dataclasses import dataclass
from typing import Any

from tfnas.config import TrainConfig
from tfnas.data import Dataset
from tfnas.quantize import quantize

FLOATS = ("dynamic", "float16", "float32")


@dataclass(frozen=True)
class Deployed:
    """A .tflite and how it came to its precision.

    Attributes:
        flatbuffer: The model.
        precision: `int8`, `dynamic`, `float16` or `float32`.
    """

    flatbuffer: bytes
    precision: str

    @property
    def file(self) -> str:
        """Its file name."""
        return f"model_{self.precision}.tflite"

    @property
    def quantization(self) -> str:
        """`post-training`, or `none` where it computes in float."""
        return "none" if self.precision.startswith("float") else "post-training"


def deploy(
    model: Any, data: Dataset, config: TrainConfig, *, per_tensor_dense: bool = False
) -> Deployed:
    """Convert a member as the settings say; the test set is not looked at.

    Args:
        model: The trained member.
        data: Gives training images.
        config: Says how.
        per_tensor_dense: What the target asks of dense layers.

    Raises:
        ModelError: If int8 was asked for, and an op or a tensor stayed float.
    """
    flatbuffer = quantize(
        model,
        data,
        config.seed,
        precision=config.quantize,
        per_tensor_dense=per_tensor_dense,
    )
    return Deployed(flatbuffer, config.quantize)
