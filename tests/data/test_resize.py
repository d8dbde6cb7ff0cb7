import numpy as np
import pytest

from tfnas.data.resize import fit
from tfnas.errors import DataError


def test_an_image_of_the_right_shape_is_left_alone():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)

    np.testing.assert_array_equal(fit(image, (4, 5, 3)), image)


def test_halving_averages_all_pixels_that_fall_into_one():
    # a triangle two pixels wide to each side weighs them 1, 3, 3, 1 of 8; at the border
    # the outer one is missing: 3, 3, 1 of 7
    row = np.array([0, 0, 200, 200], np.uint8)
    image = np.broadcast_to(row[None, :, None], (4, 4, 1))

    halved = fit(image, (2, 2, 1))

    assert halved[..., 0].tolist() == [[round(200 / 7), round(200 * 6 / 7)]] * 2


@pytest.mark.parametrize(
    ("pixel", "channels", "expected"),
    [
        ([9], 3, [9, 9, 9]),
        ([9, 0], 3, [9, 9, 9]),
        ([9, 0], 1, [9]),
        ([1, 2, 3, 0], 3, [1, 2, 3]),
        ([100, 0, 0], 1, [30]),  # 29.9
        ([0, 100, 0, 7], 1, [59]),  # 58.7
        ([1, 2, 3, 4], 4, [1, 2, 3, 4]),
        ([1, 2, 3, 4, 5], 5, [1, 2, 3, 4, 5]),
    ],
)
def test_channels_become_grey_or_colour(pixel, channels, expected):
    image = np.broadcast_to(np.array(pixel, np.uint8), (2, 3, len(pixel)))

    found = fit(image, (2, 3, channels))

    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.broadcast_to(expected, (2, 3, channels)))


@pytest.mark.parametrize(("found", "wanted"), [(3, 2), (5, 3), (1, 4)])
def test_channels_that_cannot_be_made_are_refused(found, wanted):
    message = f"An image of {found} channels cannot be turned into one of {wanted}"

    with pytest.raises(DataError, match=message):
        fit(np.zeros((2, 2, found), np.uint8), (2, 2, wanted))
