"""Data from plain arrays and .npz files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from tfnas.data.dataset import Dataset, Part
from tfnas.errors import DataError


def from_arrays(
    name: str, arrays: Sequence[Any], classes: tuple[str, ...], flip: bool = True
) -> Dataset:
    """A dataset of plain arrays, where grey images may lack the axis of channels.

    Args:
        name: Where they come from.
        arrays: Training images, their labels, test images, their labels.
        classes: Names of the classes.
        flip: Whether a mirrored image still shows its class.
    """
    x, y, x_test, y_test = arrays
    images = [part[..., None] if part.ndim == 3 else part for part in (x, x_test)]
    labels = [np.asarray(part, np.int32).reshape(-1) for part in (y, y_test)]
    return Dataset(name, images[0], labels[0], images[1], labels[1], classes, flip)


def with_test_set(
    name: str, train: Part, test: Part | None, classes: tuple[str, ...]
) -> Dataset:
    """A dataset of two sets, or of one: then a fifth of it, always the same, is tested.

    That fifth has each class as often as the whole, but for one image.

    Args:
        name: Where they come from.
        train: Images, 0..255, shape `(num, height, width, channels)`, and their
            classes, shape `(num,)`.
        test: The same of the test set, None where there is none.
        classes: Names of the classes.
    """
    if test is not None:
        return Dataset(name, *train, *test, classes)
    x, y = train
    order = np.random.default_rng(0).permutation(len(x))
    by_class = order[np.argsort(y[order], kind="stable")]
    tested = np.isin(order, by_class[min(2, len(x) - 1) :: 5])
    first, rest = order[tested], order[~tested]
    return Dataset(name, x[rest], y[rest], x[first], y[first], classes)


def numbers(count: int) -> tuple[str, ...]:
    """Names of classes that have none: `"0"`, `"1"`, ..."""
    return tuple(str(number) for number in range(count))


def read_npz(path: Path) -> Dataset:
    """Read an .npz file with `x_train`, `y_train`, `x_test` and `y_test`.

    Raises:
        DataError: If it lacks one, or holds other than bytes and whole numbers.
    """
    keys = ("x_train", "y_train", "x_test", "y_test")
    try:
        with np.load(path, allow_pickle=False) as file:
            if missing := [key for key in keys if key not in file]:
                raise DataError(
                    f"{path} lacks {', '.join(missing)}; it has {file.files}"
                )
            x, y, x_test, y_test = (file[key] for key in keys)
    except (OSError, ValueError, EOFError, TypeError, BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    for images, labels in ((x, y), (x_test, y_test)):
        if images.dtype != np.uint8 or labels.dtype.kind not in "iu":
            raise DataError(
                f"{path}: images must be uint8, 0 to 255, and labels whole numbers, "
                f"got {images.dtype} and {labels.dtype}"
            )
    count = int(max(y.max(initial=0), y_test.max(initial=0))) + 1
    return from_arrays(path.stem, (x, y, x_test, y_test), numbers(count))
