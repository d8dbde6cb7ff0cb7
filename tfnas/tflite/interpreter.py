"""A .tflite model, run by LiteRT on float images."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import ModelError
from tfnas.support.quiet import quiet


class TfliteModel:
    """Runs a .tflite model of images on this machine.

    Args:
        flatbuffer: The model, of one input and one output; int8, uint8 or float.
        threads: Threads of the LiteRT interpreter.
    """

    def __init__(self, flatbuffer: bytes, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with quiet():
            self._interpreter = Interpreter(
                model_content=flatbuffer, num_threads=threads
            )
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image.

        Raises:
            ModelError: If it takes no images.
        """
        shape = [int(extent) for extent in self._input["shape"][1:]]
        if len(shape) != 3:
            raise ModelError(f"It takes no images: its input is of shape {shape}")
        height, width, channels = shape
        return height, width, channels

    @property
    def output_step(self) -> float:
        """The float value of one integer step of the output."""
        scale: float = self._output["quantization"][0]
        return scale

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run images one by one.

        Args:
            images: Pixels in 0..1, shape `(batch, height, width, channels)`.

        Returns:
            Outputs as floats, shape `(batch, num_classes)`.
        """
        fed = _quantized(images, self._input)
        raw = np.stack([self._run(image[None]) for image in fed])
        scale, zero = self._output["quantization"]
        if not scale:
            return raw.astype(np.float32)
        return np.float32(scale) * (raw.astype(np.float32) - np.float32(zero))

    def _run(self, image: NDArray[Any]) -> NDArray[Any]:
        self._interpreter.set_tensor(self._input["index"], image)
        self._interpreter.invoke()
        output: NDArray[Any] = self._interpreter.get_tensor(self._output["index"])[0]
        return output


def _quantized(images: NDArray[np.float32], details: Any) -> NDArray[Any]:
    scale, zero = details["quantization"]
    if not scale:
        return images
    limits = np.iinfo(details["dtype"])
    steps = np.clip(np.round(images / scale) + zero, limits.min, limits.max)
    return np.asarray(steps, details["dtype"])


def tflite_accuracy(
    flatbuffer: bytes, batches: Iterable[tuple[Any, NDArray[np.int32]]]
) -> float:
    """Share of images that a .tflite model puts into their class, by LiteRT.

    Args:
        flatbuffer: The model.
        batches: Images, pixels in 0..1, shape `(batch, height, width, channels)`, and
            their classes, shape `(batch,)`.
    """
    model = TfliteModel(flatbuffer)
    hits = [
        np.argmax(model.predict(np.asarray(images)), axis=-1) == labels
        for images, labels in batches
    ]
    return float(np.mean(np.concatenate(hits)))
