import sys
from itertools import count

import numpy as np
import pytest
import tensorflow as tf

from tfnas.data.load import load
from tfnas.errors import DataError

NUMBER = count()


def typed(source, shape=None):
    return load(source, shape, typed=True)


def images(num=10, shape=(4, 5, 3)):
    """Image `i` has the pixel value `i` and the class `i % 2`."""
    x = np.arange(num, dtype=np.uint8).reshape(num, *[1] * len(shape))
    return np.broadcast_to(x, (num, *shape)), np.arange(num) % 2


def slices(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])


def pairs(num=10, shape=(4, 5, 3)):
    return slices(*images(num, shape))


@pytest.fixture
def returning(tmp_path, monkeypatch):
    """Makes a project folder with a function that returns something; its source."""
    monkeypatch.chdir(tmp_path)

    def make(returned):
        name = f"project{next(NUMBER)}"  # a module is imported once
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.py").write_text("def pets():\n    return RETURNED\n")
        monkeypatch.setattr("builtins.RETURNED", returned, raising=False)
        return f"{name}.data:pets"

    return make


def test_a_function_of_the_current_folder_gives_training_and_test_data(returning):
    source, before = returning((pairs(10), pairs(4))), [*sys.path]

    data = typed(source)

    assert data.x_train[:, 0, 0, 0].tolist() == [*range(10)]
    assert data.y_test.tolist() == [0, 1, 0, 1]
    assert (data.name, data.classes) == (source, ("0", "1"))
    assert (data.x_train.dtype, data.y_train.dtype) == (np.uint8, np.int32)
    assert sys.path == before


@pytest.mark.parametrize("form", [lambda d: d, lambda d: (d,), lambda d: [d, None]])
def test_without_test_data_a_fifth_is_held_back(returning, form):
    data = typed(returning(form(pairs(10))))

    assert (len(data.x_train), len(data.x_test)) == (8, 2)
    seen = {*data.x_train[:, 0, 0, 0], *data.x_test[:, 0, 0, 0]}
    assert seen == {*range(10)}


def test_class_names_are_kept(returning):
    data = typed(returning((pairs(), None, ["Kater", "Hündin", "Eel"])))

    assert data.classes == ("Kater", "Hündin", "Eel")


x, y = images()
grey, _ = images(shape=(4, 5))


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (slices(x, y).batch(4), (4, 5, 3)),
        (slices(x, y[:, None]), (4, 5, 3)),  # as keras.datasets.cifar10 has them
        (slices(x, y[:, None]).batch(4), (4, 5, 3)),
        (slices(grey, y), (4, 5, 1)),
        (slices(grey, y).batch(9), (4, 5, 1)),  # the last batch is one image
        (slices(grey, y[:, None]).batch(3), (4, 5, 1)),
        (slices(np.maximum(x - 0.4, 0), y), (4, 5, 3)),  # floats are rounded
        (slices(x.astype(np.int64), y.astype(np.uint8)).batch(4), (4, 5, 3)),
    ],
)
def test_single_images_and_batches_of_any_number_are_understood(
    returning, given, shape
):
    data = typed(returning((given, given)))

    assert data.input_shape == shape
    assert data.x_train[:, 0, 0, 0].tolist() == [*range(10)]
    assert data.y_train.tolist() == [0, 1] * 5


def test_images_are_resized_to_the_first_or_to_what_is_asked(returning):
    mixed = pairs(4, (6, 6, 3)).concatenate(pairs(4, (4, 5, 3)))
    source = returning((mixed, pairs(3, (8, 8, 3))))

    assert typed(source).x_test.shape == (3, 6, 6, 3)
    assert typed(source, (2, 3, 1)).x_train.shape == (8, 2, 3, 1)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros((2, 4, 4)), r"returned \(ndarray\); needed are tf.data.Dataset"),
        ((pairs(), x), r"returned \(\w+, ndarray\); needed"),
        ((), r"returned \(\); needed"),
        ((pairs(), pairs(), ["a", "b"], 1), "needed are tf.data.Dataset objects"),
        ((pairs(), None, "ab"), "class names must be a list of texts, got 'ab'"),
        ((pairs(), None, [1, 2]), r"a list of texts, got \[1, 2\]"),
        ((pairs(), None, ["a", "b", "c"][:1]), "training labels go from 0 to 1, but"),
        (slices(x), r"must give pairs \(image, label\), but this gives TensorSpec"),
        (slices(x, y, y), r"must give pairs \(image, label\)"),
        (slices({"image": x, "label": y}), r"must give pairs .*gives {'image'"),
        (slices(x, y.astype(str)), "labels whole numbers, one an image, got uint8 and"),
        (slices(x, np.eye(2)[y]), "one an image, got uint8 and float64"),
        (slices(x, np.eye(2, dtype=int)[y]), r"with a label of shape \(2,\)"),
        (slices(x.astype(str), y), "images must be numbers"),
        (slices(x[:, 0, 0], y), r"an image of shape \(3,\) with a label of shape \(\)"),
        (slices(y, y[:, None]), r"an image of shape \(\) with a label of shape \(1,\)"),
        (slices(x.astype(float) * 99, y), "pixels go from 297 to 297, but should"),
        (slices(x.astype(int) - 1, y), "pixels go from -1 to -1, but should"),
        (slices(x * np.nan, y), "pixels go from nan to nan, but should"),
        (slices(x / 255, y), "go from 0 to 0.03.*Multiply them by 255"),
        ((pairs(), slices(x / 255, y)), r"pets \(test\): images go from 0 to 0.03"),
        (pairs().repeat(), r"never ends: leave out .repeat\(\)"),
        (pairs().take(0), "gives no images"),
        (pairs(3, (4, 4, 5)).concatenate(pairs(3)), "of 3 channels cannot be turned"),
    ],
)
def test_what_is_no_data_is_refused_in_one_line(returning, returned, message):
    with pytest.raises(DataError, match=message) as caught:
        typed(returning(returned))

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("nowhere.data:pets", "", "cannot import nowhere.data from .*No module named"),
        ("{0}:dogs", "def pets(): pass", "{0} has no 'dogs'. Known: pets"),
        ("{0}:pest", "def pets(): pass", "Did you mean 'pets'"),
        ("{0}:pets", "pets = 3", "without arguments: 3 is not a call"),
        ("{0}:pets", "def pets(size): pass", "without arguments: missing .*'size'"),
        ("{0}:pets", "import nowhere", "cannot import .*No module named 'nowhere'"),
        ("{0}:pets", "def pets(:", "cannot import .*invalid syntax"),
    ],
)
def test_a_function_that_is_not_there_is_named(
    tmp_path, monkeypatch, source, code, message
):
    monkeypatch.chdir(tmp_path)
    name = f"module{next(NUMBER)}"
    (tmp_path / f"{name}.py").write_text(code)

    with pytest.raises(DataError, match=message.format(name)) as caught:
        typed(source.format(name))

    assert "\n" not in str(caught.value)


def test_what_a_users_function_raises_is_the_users_to_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"module{next(NUMBER)}"
    (tmp_path / f"{name}.py").write_text("def pets():\n    return [][0]\n")

    with pytest.raises(IndexError):
        typed(f"{name}:pets")


def test_what_a_function_prints_is_kept_off_stdout(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = f"module{next(NUMBER)}"
    (tmp_path / f"{name}.py").write_text("def pets():\n    print('loading')\n")

    with pytest.raises(DataError, match=r"returned \(NoneType\)"):
        typed(f"{name}:pets")

    assert capsys.readouterr().out == ""


def test_a_source_that_a_file_tells_imports_no_module(returning):
    source = returning(pairs())

    with pytest.raises(DataError, match=f"imports a module.* type --data {source}"):
        load(source)


def test_another_package_offers_data_by_a_name(package, monkeypatch):
    monkeypatch.setattr("builtins.RETURNED", pairs(), raising=False)
    code = "def pets():\n    print('loading')\n    return RETURNED\n"
    package("zoo", code, data={"pets": "zoo:pets"})

    assert (load("pets").name, len(load("pets").x_train)) == ("pets", 8)
    with pytest.raises(DataError, match=r"file 'pet'. Did you mean 'pets'\? Known: f"):
        load("pet")


def test_another_package_cannot_take_the_name_of_data(package):
    package("zoo", "", data={"mnist": "zoo:pets"})

    with pytest.raises(DataError, match="zoo offers the data 'mnist', but there is"):
        load("nothing")
