import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfnas.data.load import load
from tfnas.errors import DataError


class Image:
    """Stand-in for `tfds.features.Image`."""


class ClassLabel:
    """Stand-in for `tfds.features.ClassLabel`."""

    names = ("healthy", "rust")


class Builder:
    """Stand-in for a builder of tensorflow-datasets, with its refusals (4.9)."""

    def __init__(self, splits, features=None, supervised_keys=("image", "label")):
        features = features or {"image": Image(), "label": ClassLabel()}
        self.info = SimpleNamespace(
            splits={}, features=features, supervised_keys=supervised_keys
        )
        self.splits = splits

    def download_and_prepare(self):
        sys.stdout.write("Downloading and preparing dataset\n")
        if isinstance(self.splits, Exception):
            raise self.splits
        self.info.splits = self.splits

    def as_dataset(self, split, as_supervised):
        assert as_supervised
        num = self.splits[split]

        def examples():
            for i in range(num):
                yield np.full((6 + i % 2, 5, 3), i, np.uint8), i % 2

        image = tf.TensorSpec((None, None, 3), tf.uint8)
        label = tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(examples, output_signature=(image, label))


@pytest.fixture
def catalogue(monkeypatch):
    """A stand-in for the module tensorflow_datasets, with one dataset: beans."""
    known = {}

    def builder(name):
        if name not in known:
            raise ValueError(
                f"Dataset {name} not found.\nAvailable datasets:\n\t- beans"
            )
        return known[name]

    module = ModuleType("tensorflow_datasets")
    module.builder = builder
    module.features = SimpleNamespace(Image=Image, ClassLabel=ClassLabel)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    return known


@pytest.mark.parametrize(
    ("splits", "sizes"),
    [
        ({"train": 10, "test": 4, "validation": 3}, (10, 4)),
        ({"train": 10, "validation": 3}, (10, 3)),
        ({"train": 10}, (8, 2)),
    ],
)
def test_the_test_split_is_test_or_validation_or_a_fifth(catalogue, splits, sizes):
    catalogue["beans"] = Builder(splits)

    data = load("tfds:beans")

    assert (len(data.x_train), len(data.x_test)) == sizes
    assert data.classes == ("healthy", "rust")
    assert data.input_shape == (6, 5, 3)
    assert np.all(data.x_train[:, 0, 0, 0] % 2 == data.y_train)


def test_stdout_is_kept_for_results(catalogue, capsys):
    catalogue["beans"] = Builder({"train": 10})

    load("tfds:beans")

    written = capsys.readouterr()
    assert written.out == ""
    assert "Downloading and preparing" in written.err


def test_a_name_with_configuration_and_version_gets_another_size(catalogue):
    catalogue["beans/small:1.0.0"] = Builder({"train": 10})

    assert load("tfds:beans/small:1.0.0", (9, 8, 1)).input_shape == (9, 8, 1)


def test_without_tensorflow_datasets_its_data_say_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)

    with pytest.raises(DataError, match="Get it with `pip install tensorflow-datasets"):
        load("tfds:beans")


NOT_LABELLED = "does not give images with one class each; it has"


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (None, r"is not available: Dataset beans not found\. \(see .*catalog"),
        (Builder(OSError("no network")), "is not available: no network"),
        (Builder(AssertionError("by hand\nfrom")), r"is not available: by hand \(see"),
        (Builder(AssertionError()), r"is not available: AssertionError \(see"),
        (Builder(ImportError("No module named 'x'")), "is not available: No module"),
        (Builder({"test": 3}), "has no split train, but test"),
        (Builder({"train": 3}, supervised_keys=None), NOT_LABELLED),
        (Builder({"train": 3}, {"image": Image(), "label": Image()}), NOT_LABELLED),
        (
            Builder({"train": 3}, supervised_keys=("label", "image")),
            r"it has \['image', 'label'\]",
        ),
    ],
)
def test_what_a_catalogue_refuses_is_one_line(catalogue, builder, message):
    if builder is not None:
        catalogue["beans"] = builder

    with pytest.raises(DataError, match=message) as caught:
        load("tfds:beans")

    assert "\n" not in str(caught.value)


def test_nothing_is_downloaded_for_a_dataset_that_cannot_be_used(catalogue):
    builder = Builder(OSError("downloaded"), supervised_keys=None)
    catalogue["beans"] = builder

    with pytest.raises(DataError, match=NOT_LABELLED):
        load("tfds:beans")
