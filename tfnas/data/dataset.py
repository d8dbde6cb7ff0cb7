"""The images of a task, in memory: what every source of data comes to."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfnas.data.source import NOT_LOADED, Source
from tfnas.errors import DataError

Images = NDArray[np.uint8]
Labels = NDArray[np.int32]
Part = tuple[Images, Labels]


@dataclass(frozen=True)
class Dataset:
    """Images of a task, in memory.

    Attributes:
        name: Where they come from.
        x_train: Training images, shape `(num, height, width, channels)`, 0..255.
        y_train: Their classes, shape `(num,)`.
        x_test: Test images; seen only by the last check of an export.
        y_test: Their classes.
        classes: Names of the classes.
        flip: Whether a mirrored image still shows its class (not so for digits).
        skipped: Images that could not be read and were left out.
        source: What it was loaded by.

    Raises:
        DataError: If images, labels and classes do not belong together.
    """

    name: str
    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    classes: tuple[str, ...]
    flip: bool = True
    skipped: int = 0
    source: Source = NOT_LOADED

    def __post_init__(self) -> None:
        for part, x, y in (
            ("training", self.x_train, self.y_train),
            ("test", self.x_test, self.y_test),
        ):
            if x.ndim != 4 or len(x) != len(y) or len(x) == 0:
                raise DataError(
                    f"{self.name}: the {part} set has images of shape {x.shape} and "
                    f"{len(y)} labels; needed (num, height, width, channels), num > 0"
                )
            if x.shape[1:] != self.x_train.shape[1:]:
                raise DataError(
                    f"{self.name}: test images of shape {x.shape[1:]} cannot be those "
                    f"of a task with training images of {self.x_train.shape[1:]}"
                )
            if y.min() < 0 or y.max() >= len(self.classes):
                raise DataError(
                    f"{self.name}: {part} labels go from {y.min()} to {y.max()}, but "
                    f"those of {len(self.classes)} classes from 0 to "
                    f"{len(self.classes) - 1}"
                )
        if len(self.classes) < 2:
            raise DataError(
                f"{self.name} has one class alone: there is nothing to tell apart"
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self.x_train.shape[1:]
        return height, width, channels

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that two datasets share only if all images are equal."""
        parts = (self.x_train, self.y_train, self.x_test, self.y_test)
        digest = hashlib.sha256(repr((self.classes, self.flip)).encode())
        for part in parts:
            digest.update(repr(part.shape).encode() + np.ascontiguousarray(part).data)
        return digest.hexdigest()[:8]

    def require(self, input_shape: tuple[int, int, int], num_classes: int) -> None:
        """Refuse to be the task of a space whose images or classes are others.

        Raises:
            DataError: If they are.
        """
        found = (self.input_shape, len(self.classes))
        if found != (input_shape, num_classes):
            raise DataError(
                f"{self.name} has images of {found[0]} in {found[1]} classes, but the "
                f"space has {input_shape} and {num_classes}. "
                "Profile a space for this data, or give another --data."
            )
