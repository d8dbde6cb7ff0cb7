"""Data by name, from a folder or a file, from tensorflow-datasets or a function."""

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfnas.data.arrays import from_arrays, numbers, read_npz
from tfnas.data.dataset import Dataset
from tfnas.data.folder import read_folder
from tfnas.data.function import FUNCTION, read_function
from tfnas.data.tfds import TFDS, read_tfds
from tfnas.errors import DataError, nearest

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load(
    source: str,
    input_shape: tuple[int, int, int] | None = None,
    skip_bad_images: bool = False,
) -> Dataset:
    """Load a dataset.

    Args:
        source: A key of `DATASETS`; a folder with one sub-folder per class (or with
            `train` and `test` that hold such); an .npz file with `x_train`, `y_train`,
            `x_test`, `y_test`; `tfds:NAME`, where tensorflow-datasets is installed; or
            `package.module:function`, which returns tf.data. What exists as a folder
            or a file is that.
        input_shape: What images are resized to; the shape of the first one by default.
            Those of `DATASETS` and .npz files keep their shape.
        skip_bad_images: Leave out images of a folder that cannot be read.

    Raises:
        DataError: If it is unknown, unreadable, or a class has no images.
    """
    path = Path(source)
    if source in DATASETS:
        return DATASETS[source]()
    if path.suffix == ".npz" and path.is_file():
        return read_npz(path)
    if path.is_dir():
        return read_folder(path, input_shape, skip_bad_images)
    if source.startswith(TFDS):
        return read_tfds(source, input_shape)
    if FUNCTION.fullmatch(source):
        return read_function(source, input_shape)
    raise DataError(
        f"No dataset, folder or .npz file {source!r}. {nearest(source, [*DATASETS])}, "
        f"{TFDS}NAME, package.module:function"
    )


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
