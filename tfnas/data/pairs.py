"""A tf.data.Dataset of images and labels -> arrays."""

from textwrap import shorten
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfnas.data.arrays import numbers, with_test_set
from tfnas.data.dataset import Dataset, Images, Labels
from tfnas.data.resize import fit
from tfnas.errors import DataError
from tfnas.support.progress import bar


def read_sets(
    name: str,
    train: Any,
    test: Any,
    classes: tuple[str, ...] | None,
    shape: tuple[int, int, int] | None,
) -> Dataset:
    """Read the sets of a task into memory.

    Args:
        name: Where they come from.
        train: As `read_pairs` takes it.
        test: The same; None where a fifth of the others becomes the test set.
        classes: Names of the classes; numbers where None.
        shape: What images are resized to; the shape of the first one by default.

    Raises:
        DataError: If a set holds other than images and labels, or never ends.
    """
    first = read_pairs(train, name, shape)
    second = None
    if test is not None:
        second = read_pairs(test, f"{name} (test)", first[0].shape[1:])
    highest = max(int(part[1].max()) for part in (first, second or first))
    return with_test_set(name, first, second, classes or numbers(highest + 1))


def read_pairs(
    pairs: Any, name: str, shape: tuple[int, int, int] | None = None
) -> tuple[Images, Labels]:
    """Read all of a dataset into memory.

    Args:
        pairs: A `tf.data.Dataset` of `(image, label)`, one by one or in batches. An
            image has 0..255 in any type of number (floats are rounded) and the shape
            `(height, width, channels)`, or `(height, width)` if grey. A label is the
            number of the class.
        name: Where it comes from, for messages.
        shape: What images are resized to; the shape of the first one by default.

    Returns:
        Images, shape `(num, height, width, channels)`, and labels, shape `(num,)`.

    Raises:
        DataError: If it holds anything else, or never ends.
    """
    image_type = _require_pairs(pairs, name)
    images: list[Images] = []
    labels: list[int] = []
    brightest = 0.0
    with bar(max(0, int(pairs.cardinality())), f"Read {name}", delay_s=2) as line:
        for image, label in pairs.as_numpy_iterator():
            several, classes = _batch(image, label, name)
            brightest = max(brightest, float(several.max(initial=0)))
            for pixels in _whole(several, name):
                shape = shape or pixels.shape
                images.append(fit(pixels, shape))
            labels.extend(classes.tolist())
            line.update()
    if not images:
        raise DataError(f"{name} gives no images")
    if image_type.is_floating and brightest <= 1:
        raise DataError(
            f"{name}: images go from 0 to {brightest:g}, but should from 0 to 255: "
            "tfnas scales them itself. Multiply them by 255."
        )
    return np.stack(images), np.array(labels, np.int32)


def _require_pairs(pairs: Any, name: str) -> Any:
    """Refuse what is not `(image, label)` in numbers; return the type of the images."""
    found = pairs.element_spec
    several = found if isinstance(found, tuple) else ()
    if len(several) != 2 or not all(isinstance(t, tf.TensorSpec) for t in several):
        raise DataError(
            f"{name}: a tf.data.Dataset must give pairs (image, label), but this gives "
            f"{shorten(str(found), 200)}"
        )
    image, label = (spec.dtype for spec in several)
    if not (image.is_integer or image.is_floating) or not label.is_integer:
        raise DataError(
            f"{name}: images must be numbers and labels whole numbers, one an image, "
            f"got {image.name} and {label.name}"
        )
    if int(pairs.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise DataError(f"{name} never ends: leave out .repeat()")
    return image


def _batch(image: Any, label: Any, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """One element as a batch: shapes `(num, height, width, channels)` and `(num,)`.

    A single image has a label of shape `()`, or `(1,)` as those of `keras.datasets`.
    """
    images, labels = np.asarray(image), np.asarray(label)
    if labels.ndim == 0 or (labels.shape == (1,) and images.shape[:1] != (1,)):
        images, labels = images[None], labels.reshape(1)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or len(images) != labels.size:
        raise DataError(
            f"{name}: an image of shape {np.shape(image)} with a label of shape "
            f"{np.shape(label)}; needed (height, width, channels) and (), or a batch "
            "of both"
        )
    return images, labels.reshape(-1)


def _whole(images: NDArray[Any], name: str) -> Images:
    if images.dtype == np.uint8:
        return images.view(np.uint8)
    if images.size and not (images.min() >= 0 and images.max() <= 255):
        raise DataError(
            f"{name}: pixels go from {images.min():g} to {images.max():g}, but should "
            "from 0 to 255"
        )
    whole: Images = np.rint(images).astype(np.uint8)
    return whole
