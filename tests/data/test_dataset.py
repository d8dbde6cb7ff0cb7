from dataclasses import replace

import numpy as np
import pytest

from tfnas.data.dataset import Dataset
from tfnas.errors import DataError


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


def test_a_space_of_other_images_is_refused(tiny_data):
    with pytest.raises(DataError, match="but the space has"):
        tiny_data.require((28, 28, 1), 10)
