"""Data from an .npz file, or from tensorflow-datasets."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from textwrap import shorten
from typing import Any

from tfnas.data.dataset import Dataset
from tfnas.data.pairs import read_sets
from tfnas.errors import DataError

TFDS = "tfds:"
Shape = tuple[int, int, int]


def read_tfds(source: str, shape: Shape | None = None) -> Dataset:
    """Read a dataset of tensorflow-datasets; it is downloaded where it is not there.

    The split `test`, else `validation`, else a fifth of `train` becomes the test set.

    Args:
        source: `tfds:` and a name of the catalogue, such as `tfds:beans`.
        shape: What images are resized to; the shape of the first one by default.

    Raises:
        DataError: If tensorflow-datasets is not installed, or the dataset is not
            available or has no images with one class each.
    """
    try:
        tfds = import_module("tensorflow_datasets")
    except ImportError as error:
        raise DataError(
            f"{source} needs tensorflow-datasets ({error}). Get it with "
            "`pip install tensorflow-datasets`."
        ) from error
    with _refusals(source):
        builder = tfds.builder(source.removeprefix(TFDS))
    info = builder.info
    classes = _class_names(tfds, info, source)
    with _refusals(source):
        builder.download_and_prepare()
    if "train" not in info.splits:
        raise DataError(f"{source} has no split train, but {', '.join(info.splits)}")

    def pairs(split: str) -> Any:
        return builder.as_dataset(split=split, as_supervised=True)

    tests = [pairs(split) for split in ("test", "validation") if split in info.splits]
    return read_sets(source, pairs("train"), [*tests, None][0], classes, shape)


@contextmanager
def _refusals(source: str) -> Iterator[None]:
    try:
        with redirect_stdout(sys.stderr):  # results alone go to stdout
            yield
    # An AssertionError is how it refuses a version, and files to be got by hand.
    except (ImportError, OSError, ValueError, AssertionError) as error:
        first, *_ = [*str(error).splitlines(), type(error).__name__]
        raise DataError(
            f"{source} is not available: {shorten(first, 200)} (see "
            "https://www.tensorflow.org/datasets/catalog)"
        ) from error


def _class_names(tfds: Any, info: Any, source: str) -> tuple[str, ...]:
    features: Any = info.features
    keys: Any = info.supervised_keys or ()
    kinds = (tfds.features.Image, tfds.features.ClassLabel)
    if len(keys) != 2 or not all(map(isinstance, (features[k] for k in keys), kinds)):
        raise DataError(
            f"{source} does not give images with one class each; it has {[*features]}"
        )
    return tuple(features[keys[1]].names)
