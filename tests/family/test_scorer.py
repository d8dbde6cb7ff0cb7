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
    )
    monkeypatch.setattr("tfnas.family.scorer.search_halves", lambda *_args: found)


@pytest.mark.usefixtures("halves")
def test_a_quick_look_is_at_1000_images_and_a_full_one_at_all_of_them():
    search = SimpleNamespace(config=SearchConfig(), supernet=supernet)
    score = Scorer(search, None)
    pools, convolutions = (Architecture(TINY, (op,) * 4) for op in (0, 2))

    # pools say 0 for the first 1,000 images, convolutions for the others
    for _ in range(2):
        assert (score(pools), score(convolutions)) == (1, 0)
        assert [score.fully(one) for one in (pools, convolutions)] == [2 / 3, 1 / 3]
