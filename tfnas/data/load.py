"""Data by name, from a folder or a file, from tensorflow-datasets or a function."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfnas.data.arrays import from_arrays, numbers, read_npz
from tfnas.data.dataset import Dataset
from tfnas.data.folder import read_folder
from tfnas.data.function import read_function
from tfnas.data.source import Source
from tfnas.data.tfds import TFDS, read_tfds
from tfnas.errors import DataError, nearest
from tfnas.support.plugins import from_module, known, names_module, resolve

GROUP = "tfnas.data"

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load(
    source: str,
    input_shape: tuple[int, int, int] | None = None,
    skip_bad_images: bool = False,
    *,
    typed: bool = False,
) -> Dataset:
    """Load a dataset.

    Args:
        source: A key of `DATASETS`; a folder with one sub-folder per class (or with
            `train` and `test` that hold such); an .npz file with `x_train`, `y_train`,
            `x_test`, `y_test`; `tfds:NAME`, where tensorflow-datasets is installed; or
            a function that returns tf.data: `package.module:function`, or its name in
            the entry-point group `tfnas.data` of another package. What exists as a
            folder or a file is that.
        input_shape: What images are resized to; the shape of the first one by default.
            Those of `DATASETS` and .npz files keep their shape.
        skip_bad_images: Leave out images of a folder that cannot be read.
        typed: Whether the user typed the source, or it stands in their own run folder:
            `package.module:function` imports any module, which a file that came from
            elsewhere must not.

    Raises:
        DataError: If it is unknown, unreadable, or a class has no images.
    """
    return load_source(Source(source, skip_bad_images, typed), input_shape)


def load_source(
    source: Source, input_shape: tuple[int, int, int] | None = None
) -> Dataset:
    """Load a dataset by what settings or a card remember of it, as `load` does."""
    return replace(_read(source, input_shape), source=source)


def _read(source: Source, shape: tuple[int, int, int] | None) -> Dataset:
    text, path = source.text, Path(source.text)
    if text in DATASETS:
        return DATASETS[text]()
    if path.suffix == ".npz" and path.is_file():
        return read_npz(path)
    if path.is_dir():
        return read_folder(path, shape, source.skip_bad_images)
    if text.startswith(TFDS):
        return read_tfds(text, shape)
    return read_function(text, _function(text, source.typed), shape)


def _function(source: str, typed: bool) -> Any:
    """The function that a source names.

    Raises:
        DataError: If it names none, or a module where that is not allowed.
    """
    names = known(DATASETS, GROUP, DataError)
    if source in names:
        return resolve(source, DATASETS, GROUP, DataError)
    if not names_module(source):
        raise DataError(
            f"No dataset, folder or .npz file {source!r}. {nearest(source, names)}, "
            f"{TFDS}NAME, package.module:function"
        )
    if not typed:
        raise DataError(
            f"{source} imports a module, which only you may ask for: if you trust it, "
            f"type --data {source}"
        )
    return from_module(source, DataError)


def _from_keras(name: str, classes: tuple[str, ...], flip: bool) -> Dataset:
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:
        # Keras raises a bare Exception where a download fails.
        if type(error) is not Exception:
            raise
        raise DataError(
            f"{name} cannot be downloaded: {error}. Check the network, or give a "
            "folder or an .npz file with --data."
        ) from error
    return from_arrays(name, (*train, *test), classes, flip)


def _fashion_mnist() -> Dataset:
    if not DEBIAN_FASHION_MNIST.is_dir():
        return _from_keras("fashion_mnist", _FASHION, flip=True)
    parts = []
    for split in ("train", "t10k"):
        images = _read_gz(f"{split}-images-idx3-ubyte.gz", header=16)
        parts.append(images.reshape(-1, 28, 28))
        parts.append(_read_gz(f"{split}-labels-idx1-ubyte.gz", header=8))
    return from_arrays("fashion_mnist", parts, _FASHION)


def _read_gz(name: str, header: int) -> NDArray[np.uint8]:
    with gzip.open(DEBIAN_FASHION_MNIST / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


DATASETS: dict[str, Callable[[], Dataset]] = {
    "fashion_mnist": _fashion_mnist,
    "mnist": partial(_from_keras, "mnist", numbers(10), flip=False),
    "cifar10": partial(_from_keras, "cifar10", numbers(10), flip=True),
    "cifar100": partial(_from_keras, "cifar100", numbers(100), flip=True),
}
