from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from stand_ins import TINY

from tfnas.errors import RunError
from tfnas.family.scorer import Scorer
from tfnas.networks.build import build_supernet
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
def test_a_quick_look_is_at_1000_images_with_the_supernets_weights():
    search = SimpleNamespace(config=SearchConfig(), supernet=supernet)
    score = Scorer(search, None)
    pools, convolutions = (Architecture(TINY, (op,) * 4) for op in (0, 2))

    # pools say 0 for the first 1,000 images, convolutions for the others
    for _ in range(2):
        assert (score(pools), score(convolutions)) == (1, 0)


@pytest.fixture
def trainable(monkeypatch, tiny_data):
    """A search of tiny images, which are trained on and looked at."""
    keras.utils.set_random_seed(0)
    x, y = tiny_data.x_train, tiny_data.y_train
    seen = tf.data.Dataset.from_tensor_slices((x.astype("float32") / 255, y)).batch(16)
    found = SimpleNamespace(
        held_out=(x, y), calibration_batches=lambda count: seen.repeat().take(count)
    )
    monkeypatch.setattr("tfnas.family.scorer.search_halves", lambda *_args: found)
    monkeypatch.setattr("tfnas.family.scorer._STEPS", 24)
    return SimpleNamespace(
        config=SearchConfig(), supernet=build_supernet(TINY), space=TINY
    )


def test_a_closer_look_trains_a_member_and_leaves_the_supernet_as_it_was(trainable):
    before = [*map(np.copy, trainable.supernet.get_weights())]
    score, member = Scorer(trainable, None), Architecture(TINY, (2, 2, 1, 2))

    fresh, tuned = score(member), score.fully(member)

    assert fresh < 0.7 < tuned
    assert all(map(np.array_equal, trainable.supernet.get_weights(), before))
    # each begins anew: momenta and counts of the last member would change the next
    other = Architecture(TINY, (2, 1, 2, 2))
    assert score.fully(other) == Scorer(trainable, None).fully(other)


def test_closer_looks_are_kept_for_the_next_command(trainable, tmp_path):
    kept, member = tmp_path / "trained.json", Architecture(TINY, (2, 2, 1, 2))
    tuned = Scorer(trainable, None, kept).fully(member)

    trainable.supernet = None  # which nobody asks again
    assert Scorer(trainable, None, kept).fully(member) == tuned
    for text, message in (
        (kept.read_text().replace('"schema": 1', '"schema": 0'), "another version"),
        (kept.read_text().replace("[\n", "[[7], ", 1), "is damaged"),
        ("[", "is damaged.*Delete it"),
    ):
        kept.write_text(text)
        with pytest.raises(RunError, match=message):
            Scorer(trainable, None, kept)
