import gzip

import pytest

from tfnas.data import load as data_module
from tfnas.data.load import load
from tfnas.errors import DataError


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("fashion_mnits", "No dataset.*Did you mean 'fashion_mnist'"),
        ("missing.npz", "No dataset, folder or .npz file"),
        ("C:photos", "No dataset, folder or .npz file 'C:photos'"),
        (r"C:\photos", "No dataset, folder or .npz file"),
        ("http://cats/dogs", "tfds:NAME, package.module:function"),
    ],
)
def test_an_unknown_source_is_named(source, message):
    with pytest.raises(DataError, match=message):
        load(source)


def test_what_exists_as_a_folder_is_no_function(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets:train").mkdir()

    with pytest.raises(DataError, match="needs a sub-folder for each"):
        load("pets:train")


def test_a_failed_download_is_one_sentence(monkeypatch):
    def fail():
        raise Exception("URL fetch failure")  # noqa: TRY002  as Keras does

    monkeypatch.setattr("keras.datasets.cifar10.load_data", fail)

    with pytest.raises(DataError, match="cifar10 cannot be downloaded: URL fetch"):
        load("cifar10")


def test_fashion_mnist_is_read_from_debians_files_where_they_are(tmp_path, monkeypatch):
    for split, count in (("train", 3), ("t10k", 2)):
        images = bytes(16) + bytes(range(count)) * 784
        labels = bytes(8) + bytes(range(count))
        for kind, content in (("images-idx3", images), ("labels-idx1", labels)):
            name = f"{split}-{kind}-ubyte.gz"
            (tmp_path / name).write_bytes(gzip.compress(content))
    monkeypatch.setattr(data_module, "DEBIAN_FASHION_MNIST", tmp_path)

    data = load("fashion_mnist")

    assert data.x_train.shape == (3, 28, 28, 1)
    assert data.y_test.tolist() == [0, 1]
    assert data.classes[9] == "Ankle boot"
