"""How good members are with the supernet's weights."""

from collections.abc import Callable
from functools import cache
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
    """Accuracy of members of one search on the images that it held out.

    Batch norm takes the batch, 250 images at a time, so that no member sees averages of
    others. A short training of each member's own first was tried: on 24 random networks
    of `micro` it ranked them no better (.77 for .78).

    Args:
        search: A trained search.
        data: What it was given; the images that it held out are looked at.

    Attributes:
        fully: Share of all those images that a member puts into their class.
    """

    def __init__(self, search: Search, data: Dataset) -> None:
        config = search.config
        self._halves = search_halves(data, config.batch_size, config.seed)
        self._supernet = search.supernet
        self._logits = tf.function(self._run, reduce_retracing=True)
        self._share: Callable[..., float] = cache(self._counted)
        self.fully: Callable[[Architecture], float] = self._share

    def _run(self, images: Any, gamma: Any) -> Any:
        return self._supernet([images, gamma], training=False)

    def __call__(self, member: Architecture) -> float:
        """Share of 1,000 of the images."""
        return self._share(member, IMAGES)

    def _counted(self, member: Architecture, images: int | None = None) -> float:
        x, y = (part[:images] for part in self._halves.held_out)
        parts = [x[i : i + _BATCH] for i in range(0, len(x), _BATCH)]
        gamma = keras.ops.one_hot(member.indices, len(member.space.ops))
        logits = [self._logits(tf.constant(scale(part)), gamma) for part in parts]
        return float(np.mean(np.argmax(np.concatenate(logits), axis=-1) == y))
