import keras
import numpy as np
import pytest
from stand_ins import TINY

from tfnas.networks.build import build_supernet
from tfnas.networks.evaluate import score_member, settle
from tfnas.networks.fast_layers import fast_layers
from tfnas.networks.weights import named_weights
from tfnas.spaces.architecture import Architecture


def test_a_member_is_scored_with_statistics_of_its_own(tiny_data):
    supernet, member = build_supernet(TINY), Architecture(TINY, (2, 1, 0, 2))
    images = tiny_data.x_train[:32].astype("float32") / 255
    gamma = np.eye(3, dtype="float32")[list(member.indices)]
    logits = np.asarray(supernet([images, gamma]))  # batch norm over these 32 images
    labels = tiny_data.y_train[:32]

    batch = [(images, labels)]
    loss, accuracy = score_member(member, named_weights(supernet), batch, batch)

    assert accuracy == np.mean(logits.argmax(axis=1) == labels)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    expected = np.mean(log_sums - shifted[np.arange(32), labels])
    # the moving variance is the unbiased estimate: up to 1 / (32 * 2 * 2) more
    assert loss == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("labels", "mean"),
    [
        ([0, 0, 0, 0], [0.0, 0.0]),  # as it is, channel 0 is the larger one always
        ([1, 1, 0, 0], [11.5, 1.5]),  # normalized, it is in the last two images
    ],
)
def test_statistics_are_measured_anew_where_the_old_ones_were_not_better(labels, mean):
    norm = fast_layers.BatchNormalization()
    model = keras.Sequential([keras.Input((1, 1, 2)), norm, keras.layers.Flatten()])
    pixels = np.float32([[10, 3], [11, 2], [12, 1], [13, 0]])

    settle(model, [(pixels[:, None, None], np.int32(labels))])

    np.testing.assert_allclose(norm.moving_mean, mean)
