import numpy as np

from tfnas.data.batches import augment, scale


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
