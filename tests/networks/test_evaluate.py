import numpy as np
import pytest
from stand_ins import TINY

from tfnas.networks.build import build_supernet
from tfnas.networks.evaluate import score_member
from tfnas.networks.weights import named_weights
from tfnas.spaces.architecture import Architecture


def test_a_member_is_scored_with_statistics_of_its_own(tiny_data):
    supernet, member = build_supernet(TINY), Architecture(TINY, (2, 1, 0, 2))
    images = tiny_data.x_train[:32].astype("float32") / 255
    gamma = np.eye(3, dtype="float32")[list(member.indices)]
    logits = np.asarray(supernet([images, gamma]))  # batch norm over these 32 images
    labels = tiny_data.y_train[:32]

    # momentum 0.9: after 100 equal batches the averages are those of the batch
    seen = [(images, labels)] * 100
    weights = named_weights(supernet)
    loss, accuracy = score_member(member, weights, seen, [(images, labels)])

    assert accuracy == np.mean(logits.argmax(axis=1) == labels)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    expected = np.mean(log_sums - shifted[np.arange(32), labels])
    # the moving variance is the unbiased estimate: up to 1 / (32 * 2 * 2) more
    assert loss == pytest.approx(expected, rel=0.02)
