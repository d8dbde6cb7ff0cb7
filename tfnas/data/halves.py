"""Datasets -> batches: splits, augmentation, scaling."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfnas.data.batches import batches, scale
from tfnas.data.dataset import Dataset, Images, Labels
from tfnas.errors import DataError

HELD_OUT = 0.1
_CALIBRATION_STEPS = 50


@dataclass(frozen=True)
class Halves:
    """What a search sees of a training set: two halves, and a tenth held out.

    Attributes:
        weights: Images and classes of the weights' half.
        hypernetwork: Images and classes of the hypernetwork's half.
        held_out: Images and classes to score members on.
        batch_size: Images per step, from each half.
        seed: Of order and augmentation.
        flip: Whether to mirror images.
    """

    weights: tuple[Images, Labels]
    hypernetwork: tuple[Images, Labels]
    held_out: tuple[Images, Labels]
    batch_size: int
    seed: int
    flip: bool

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return len(self.hypernetwork[0]) // self.batch_size

    def batches(self, epoch: int, step: int, epochs: int) -> Any:
        """Pairs of batches, `((x, y), (x_val, y_val))`, from a step of an epoch on."""
        halves = (
            self._of(self.weights, 0, epoch, epochs),
            self._of(self.hypernetwork, 1, epoch, epochs),
        )
        return tf.data.Dataset.zip(*halves).skip(step)

    @property
    def calibration(self) -> Any:
        """A few batches of the weights' half, always the same, for batch norm."""
        return self.calibration_batches(_CALIBRATION_STEPS)

    def calibration_batches(self, count: int) -> Any:
        """So many batches of the weights' half, always the same."""
        return self._of(self.weights, 2, 0, count).take(count)

    def _of(self, half: tuple[Images, Labels], which: int, epoch: int, end: int) -> Any:
        size = min(self.batch_size, len(half[0]))
        seed, epochs = self.seed + which, range(epoch, end)
        return batches(*half, size, seed=seed, flip=self.flip, epochs=epochs)


def search_halves(data: Dataset, batch_size: int, seed: int) -> Halves:
    """Split the training set for a search; the test set is not looked at.

    Raises:
        DataError: If a half does not fill a batch, or no image is left to hold out.
    """
    order = np.random.default_rng(seed).permutation(len(data.x_train))
    held, rest = np.split(order, [int(HELD_OUT * len(order))])
    first, second, third = (
        (data.x_train[part], data.y_train[part])
        for part in (*np.array_split(rest, 2), held)
    )
    # Halves of one size: their epochs must end together.
    first = (first[0][: len(second[0])], first[1][: len(second[0])])
    halves = Halves(first, second, third, batch_size, seed, data.flip)
    if halves.steps == 0:
        raise DataError(
            f"{data.name}: half of the training data, {len(second[0])} images, does "
            f"not fill a batch of {batch_size}. Lower --batch-size."
        )
    if not len(held):
        raise DataError(
            f"{data.name}: a tenth of {len(order)} training images is none, and "
            "members are scored on it. Add images."
        )
    return halves


def search_batches(
    data: Dataset, batch_size: int, seed: int, epochs: range
) -> tuple[Any, Any, int]:
    """The batches of a search, for `Search.fit`.

    Returns:
        Pairs of batches, `((x, y), (x_val, y_val))`; plain batches for validation; and
        how many pairs an epoch has.

    Raises:
        DataError: If a half does not fill a batch.
    """
    halves = search_halves(data, batch_size, seed)
    validation = tf.data.Dataset.from_tensor_slices(halves.held_out)
    scaled = validation.batch(250).map(lambda x, y: (scale(x), y))
    return halves.batches(epochs.start, 0, epochs.stop), scaled, halves.steps


def calibration_images(
    data: Dataset, count: int = 200, seed: int = 0
) -> NDArray[np.float32]:
    """Training images that set the int8 ranges.

    Returns:
        Pixels in 0..1, shape `(count, height, width, channels)`.
    """
    picks = np.random.default_rng(seed).permutation(len(data.x_train))[:count]
    return data.x_train[picks].astype(np.float32) / np.float32(255)
