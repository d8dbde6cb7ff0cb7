"""How good members are: with the supernet's weights, or after a little training."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfnas.data.batches import in_order, scale
from tfnas.data.dataset import Dataset
from tfnas.data.halves import search_halves
from tfnas.networks.evaluate import tuned_accuracy
from tfnas.networks.weights import Weights, named_weights
from tfnas.search.search import Search
from tfnas.spaces.architecture import Architecture

IMAGES = 1000
_BATCH = 250
# Steps of a finalist's training. On 13 random networks of `micro`, 100 took the rank
# correlation with 800 steps from scratch from .08 to .42; 200 gave no more.
_STEPS = 100


class Scorer:
    """Accuracy of members of one search on the images that it held out.

    A quick look is at 1,000 images with the supernet's weights; batch norm takes the
    batch, 250 images at a time, so that no member sees averages of others. It tells who
    is worth a short training of its own, after which all images are looked at.

    Args:
        search: A trained search.
        data: What it was given; the images that it held out are looked at.
    """

    def __init__(self, search: Search, data: Dataset) -> None:
        config = search.config
        self._halves = search_halves(data, config.batch_size, config.seed)
        x, y = (part[:IMAGES] for part in self._halves.held_out)
        parts = range(0, len(x), _BATCH)
        self._search = search
        self._weights: Weights | None = None
        self._batches = [(x[i : i + _BATCH], y[i : i + _BATCH]) for i in parts]
        self._logits = tf.function(self._run, reduce_retracing=True)
        self._quick: dict[Architecture, float] = {}
        self._tuned: dict[Architecture, float] = {}

    def _run(self, images: Any, gamma: Any) -> Any:
        return self._search.supernet([images, gamma], training=False)

    def __call__(self, member: Architecture) -> float:
        """Share of 1,000 images that the member puts into their class."""
        if member not in self._quick:
            hot = keras.ops.one_hot(member.indices, len(member.space.ops))
            hits = [
                np.argmax(self._logits(tf.constant(scale(x)), hot), axis=-1) == y
                for x, y in self._batches
            ]
            self._quick[member] = float(np.mean(np.concatenate(hits)))
        return self._quick[member]

    def fully(self, member: Architecture) -> float:
        """The share of all held-out images, after a short training of the member."""
        if member not in self._tuned:
            self._weights = self._weights or named_weights(self._search.supernet)
            self._tuned[member] = tuned_accuracy(
                member,
                self._weights,
                self._halves.calibration_batches(_STEPS),
                _STEPS,
                in_order(*self._halves.held_out),
            )
        return self._tuned[member]
