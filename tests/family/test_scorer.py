from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from stand_ins import TINY

from tfnas.family.scorer import Scorer
from tfnas.search.settings import SearchConfig
from tfnas.spaces.architecture import Architecture


def supernet(inputs, training):
    """Says the class that is the image's pixel plus the first choice's op."""
    images, gamma = inputs
    pixels = tf.cast(tf.round(images[:, 0, 0, 0] * 255), tf.int64)
    return tf.one_hot((pixels + tf.argmax(gamma[0])) % 3, 3)


@pytest.fixture
def halves(monkeypatch):
    """1,500 held-out images of class 0, of which the first 1,000 are black."""
    pixels = np.uint8([0] * 1000 + [1] * 500)[:, None, None, None]
    found = SimpleNamespace(
        held_out=(pixels, np.zeros(1500, np.int32)),
        calibration_batches=lambda count: f"{count} batches",
    )
    monkeypatch.setattr("tfnas.family.scorer.search_halves", lambda *_args: found)


@pytest.mark.usefixtures("halves")
def test_a_quick_look_is_at_1000_images_with_the_supernets_weights():
    search = SimpleNamespace(config=SearchConfig(), supernet=supernet)
    score = Scorer(search, None)
    pools, convolutions = (Architecture(TINY, (op,) * 4) for op in (0, 2))

    # pools say 0 for the first 1,000 images, convolutions for the others
    for _ in range(2):
        assert (score(pools), score(convolutions)) == (1, 0)


@pytest.mark.usefixtures("halves")
def test_a_closer_look_is_at_all_images_after_a_short_training_that_is_done_once(
    monkeypatch,
):
    calls = []

    def tuned(member, weights, seen, steps, held_out):
        calls.append((member, weights, seen, steps))
        return sum(len(labels) for _, labels in held_out) / 3000

    monkeypatch.setattr("tfnas.family.scorer.tuned_accuracy", tuned)
    monkeypatch.setattr("tfnas.family.scorer.named_weights", lambda net: (net,))
    search = SimpleNamespace(config=SearchConfig(), supernet=supernet)
    score, pools = Scorer(search, None), Architecture(TINY, (0,) * 4)

    assert score.fully(pools) == score.fully(pools) == 0.5
    assert calls == [(pools, (supernet,), "100 batches", 100)]
