import numpy as np
import pytest

from tfnas.data.arrays import with_test_set
from tfnas.data.load import load
from tfnas.errors import DataError


def test_the_fifth_that_is_tested_has_every_class_as_often_as_the_rest():
    y = np.array([0] * 50 + [1] * 10 + [2] * 5, np.int32)
    x = np.arange(65, dtype=np.uint8)[:, None, None, None]

    data = with_test_set("n", (x, y), None, ("a", "b", "c"))

    assert np.bincount(data.y_test).tolist() == [10, 2, 1]
    assert np.bincount(data.y_train).tolist() == [40, 8, 4]
    assert {*data.x_train.flat} | {*data.x_test.flat} == {*range(65)}


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
