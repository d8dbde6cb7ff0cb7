import gzip
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tfnas.data import load as data_module
from tfnas.data.arrays import with_test_set
from tfnas.data.batches import augment, scale
from tfnas.data.dataset import Dataset
from tfnas.data.halves import calibration_images, search_batches, search_halves
from tfnas.data.load import load
from tfnas.errors import DataError


def numbered(num, test=10):
    """Image number `i` has the pixel value `i`, so that images can be told apart."""
    x = np.arange(num + test, dtype=np.uint8)[:, None, None, None]
    x = np.broadcast_to(x, (num + test, 8, 8, 1))
    y = np.arange(num + test, dtype=np.int32) % 2
    return Dataset("n", x[:num], y[:num], x[num:], y[num:], ("even", "odd"), flip=False)


def seen(batches):
    return {
        round(float(tf.reduce_max(image)) * 255)
        for images, _ in batches
        for image in images
    }


def test_the_halves_and_the_held_out_tenth_are_disjoint_and_no_test_image_is_seen():
    pairs, validation, steps = search_batches(numbered(200), 10, 0, range(1))

    first = seen(pairs.map(lambda a, b: a))
    second = seen(pairs.map(lambda a, b: b))
    held = seen(validation)

    assert steps == 9
    assert len(first) == len(second) == 90
    assert len(held) == 20
    assert not first & second
    assert not (first | second) & held
    assert max(first | second | held) < 200  # test images are 200 to 209


def test_the_fifth_that_is_tested_has_every_class_as_often_as_the_rest():
    y = np.array([0] * 50 + [1] * 10 + [2] * 5, np.int32)
    x = np.arange(65, dtype=np.uint8)[:, None, None, None]

    data = with_test_set("n", (x, y), None, ("a", "b", "c"))

    assert np.bincount(data.y_test).tolist() == [10, 2, 1]
    assert np.bincount(data.y_train).tolist() == [40, 8, 4]
    assert {*data.x_train.flat} | {*data.x_test.flat} == {*range(65)}


def test_an_epoch_is_the_same_for_who_begins_with_it():
    def images(epochs):
        pairs, _, steps = search_batches(numbered(200), 10, 0, epochs)
        return steps, [np.array(a) for (a, _), _ in pairs]

    steps, whole = images(range(3))
    _, late = images(range(2, 3))

    np.testing.assert_array_equal(late, whole[2 * steps :])
    assert np.any(whole[0] != whole[steps])


def test_halves_of_an_odd_training_set_end_their_epochs_together():
    # 21 - 2 held out = 19: halves of 10 and 9, batches of 5 and of 5
    halves = search_halves(numbered(21), 5, 0)

    whole = [np.array(a) for (a, _), _ in halves.batches(0, 0, 3)]
    late = [np.array(a) for (a, _), _ in halves.batches(1, 0, 3)]

    assert halves.steps == 1
    assert len(whole) == 3
    np.testing.assert_array_equal(late, whole[1:])


def test_an_epoch_is_the_same_for_who_begins_in_its_middle():
    halves = search_halves(numbered(200), 10, 0)

    whole = [np.array(b) for _, (b, _) in halves.batches(0, 0, 2)]
    late = [np.array(b) for _, (b, _) in halves.batches(0, 4, 2)]

    np.testing.assert_array_equal(late, whole[4:])


def test_too_few_images_for_a_batch_are_refused():
    with pytest.raises(DataError, match="a tenth of 9 training images is none"):
        search_halves(numbered(9), 2, 0)
    with pytest.raises(DataError, match="9 images, does not fill a batch of 10"):
        search_batches(numbered(20), 10, 0, range(1))


def test_calibration_images_are_training_images():
    images = calibration_images(numbered(50), count=20)

    assert images.shape == (20, 8, 8, 1)
    assert images.dtype == np.float32
    assert images.max() * 255 < 50


def test_pixels_are_scaled_to_one():
    assert scale(np.array([0, 51, 255], np.uint8)).numpy().tolist() == [
        0,
        np.float32(0.2),
        1,
    ]


def test_augmentation_shifts_by_at_most_an_eighth_and_mirrors():
    image = np.zeros((64, 8, 8, 1), np.uint8)
    image[:, 3, 2] = 1

    shifted = augment(image, False, (1, 2)).numpy()
    mirrored = augment(image, True, (1, 2)).numpy()

    assert {tuple(p[1:3]) for p in np.argwhere(shifted)} == {
        (row, column) for row in (2, 3, 4) for column in (1, 2, 3)
    }
    assert {p[2] for p in np.argwhere(mirrored)} == {1, 2, 3, 4, 5, 6}


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


def test_an_npz_gives_its_four_arrays(tiny_npz, tiny_data):
    data = load(str(tiny_npz))

    np.testing.assert_array_equal(data.x_test, tiny_data.x_test)
    assert (data.input_shape, len(data.classes)) == ((8, 8, 1), 3)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": np.zeros((2, 4, 4), np.uint8)}, "lacks y_train, x_test, y_test"),
        (
            {name: np.zeros((2, 4, 4)) for name in ("x_train", "x_test")}
            | {name: np.zeros(2, int) for name in ("y_train", "y_test")},
            "images must be uint8",
        ),
        (
            {name: np.zeros((2, 4, 4), np.uint8) for name in ("x_train", "x_test")}
            | {name: np.array(["a", "b"]) for name in ("y_train", "y_test")},
            "labels whole numbers",
        ),
        (
            {name: np.zeros((2, 4, 4), np.uint8) for name in ("x_train", "x_test")}
            | {name: np.zeros(3, int) for name in ("y_train", "y_test")},
            "3 labels",
        ),
    ],
)
def test_an_npz_that_is_no_dataset_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "d.npz", **arrays)

    with pytest.raises(DataError, match=message):
        load(str(tmp_path / "d.npz"))


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 torn"])
def test_a_file_that_only_looks_like_npz_is_refused(tmp_path, content):
    (tmp_path / "d.npz").write_bytes(content)

    with pytest.raises(DataError, match="cannot be read"):
        load(str(tmp_path / "d.npz"))


def test_test_images_of_another_size_are_refused(tiny_data):
    with pytest.raises(DataError, match=r"test images of shape \(4, 4, 1\)"):
        replace(tiny_data, x_test=tiny_data.x_test[:, :4, :4])


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 1, 2], ("a", "b"), "training labels go from 0 to 2, but those of 2 cl"),
        ([0, -1, 1], ("a", "b"), "training labels go from -1 to 1"),
        ([0, 0, 0], ("a",), "has one class alone"),
    ],
)
def test_labels_that_are_not_those_of_the_classes_are_refused(labels, classes, message):
    x, y = np.zeros((3, 4, 4, 1), np.uint8), np.array(labels, np.int32)

    with pytest.raises(DataError, match=message):
        Dataset("d", x, y, x[:1], y[:1], classes)


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


def test_a_space_of_other_images_is_refused(tiny_data):
    with pytest.raises(DataError, match="but the space has"):
        tiny_data.require((28, 28, 1), 10)
