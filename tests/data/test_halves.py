import numpy as np
import pytest
import tensorflow as tf

from tfnas.data.dataset import Dataset
from tfnas.data.halves import calibration_images, search_batches, search_halves
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
