"""How good members are with the supernet's weights, without training any."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

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
    of others. A quick look at 1,000 images tells who is worth a look at all of them.

    Args:
        search: A trained search.
        data: What it was given; the images that it held out are looked at.
    """

    def __init__(self, search: Search, data: Dataset) -> None:
        config = search.config
        x, y = search_halves(data, config.batch_size, config.seed).held_out
        parts = range(0, len(x), _BATCH)
        self._search = search
        self._batches = [(x[i : i + _BATCH], y[i : i + _BATCH]) for i in parts]
        self._logits = tf.function(self._run, reduce_retracing=True)
        self._known: dict[Architecture, list[NDArray[np.bool_]]] = {}

    def _run(self, images: Any, gamma: Any) -> Any:
        return self._search.supernet([images, gamma], training=False)

    def __call__(self, member: Architecture) -> float:
        """Share of the first 1,000 images that the member puts into their class."""
        return self._share(member, -(-IMAGES // _BATCH))

    def fully(self, member: Architecture) -> float:
        """The share of all held-out images, the same ones for every member."""
        return self._share(member, len(self._batches))

    def _share(self, member: Architecture, count: int) -> float:
        hits = self._known.setdefault(member, [])
        hot = keras.ops.one_hot(member.indices, len(member.space.ops))
        for x, y in self._batches[len(hits) : count]:
            logits = self._logits(tf.constant(scale(x)), hot)
            hits.append(np.argmax(logits, axis=-1) == y)
        return float(np.mean(np.concatenate(hits[:count])))
