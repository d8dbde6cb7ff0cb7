"""How good members are with the supernet's weights, without training any."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfnas.data.batches import scale
from tfnas.data.dataset import Dataset
from tfnas.data.halves import search_halves
from tfnas.search.search import Search
from tfnas.spaces.architecture import Architecture

IMAGES = 1000
_BATCH = 250


class Scorer:
    """Accuracy of members of one search, each with batch-norm statistics of its own.

    Batch norm takes the batch, 250 images at a time, so that no member sees averages
    of others; how long a score takes does not depend on the size of the data.

    Args:
        search: A trained search.
        data: What it was given; of the images that it held out the first 1,000 are
            looked at.

    Attributes:
        images: How many are looked at.
    """

    def __init__(self, search: Search, data: Dataset) -> None:
        config = search.config
        held_out = search_halves(data, config.batch_size, config.seed).held_out
        x, y = (part[:IMAGES] for part in held_out)
        parts = range(0, len(x), _BATCH)
        self.images = len(x)
        self._search = search
        self._batches = [
            (tf.constant(scale(x[i : i + _BATCH])), y[i : i + _BATCH]) for i in parts
        ]
        self._logits = tf.function(self._run, reduce_retracing=True)
        self._known: dict[Architecture, float] = {}

    def _run(self, images: Any, gamma: Any) -> Any:
        return self._search.supernet([images, gamma], training=False)

    def __call__(self, member: Architecture) -> float:
        """Share of the held-out images that the member puts into their class."""
        if member not in self._known:
            hot = keras.ops.one_hot(member.indices, len(member.space.ops))
            hits = [
                np.argmax(self._logits(images, hot), axis=-1) == labels
                for images, labels in self._batches
            ]
            self._known[member] = float(np.mean(np.concatenate(hits)))
        return self._known[member]
