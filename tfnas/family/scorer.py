"""How good members are: with the supernet's weights, or after a little training."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfnas.data.batches import scale
from tfnas.data.dataset import Dataset
from tfnas.data.halves import search_halves
from tfnas.errors import RunError, SettingsError
from tfnas.search.search import Search
from tfnas.spaces.architecture import Architecture
from tfnas.support.files import write_json

IMAGES = 1000
_BATCH = 250
# Of a member's short training. On 24 random networks of `micro` it took the rank
# correlation with 800 steps from scratch from .53 to .56.
_STEPS, _RATE = 100, 0.05
_SCHEMA = 1


class Scorer:
    """Accuracy of members of one search on the images that it held out.

    A quick look is at 1,000 images with the supernet's weights; a closer one, after a
    short training of the member's own within the supernet, at all of them. Batch norm
    takes the batch, 250 images at a time, so that no member sees averages of others.

    Args:
        search: A trained search.
        data: What it was given; the images that it held out are looked at.
        kept: A file that keeps what closer looks found, for the next command.

    Attributes:
        trained: What closer looks found.

    Raises:
        RunError: If the file is damaged, or of another version.
    """

    def __init__(self, search: Search, data: Dataset, kept: Path | None = None) -> None:
        config = search.config
        self._halves = search_halves(data, config.batch_size, config.seed)
        self._supernet, self._kept = search.supernet, kept
        self._logits = tf.function(self._run, reduce_retracing=True)
        self._quick: dict[Architecture, float] = {}
        self.trained: dict[Architecture, float] = {}
        if kept is not None and kept.exists():
            self.trained = _read(kept, search)

    def _run(self, images: Any, gamma: Any) -> Any:
        return self._supernet([images, gamma], training=False)

    def __call__(self, member: Architecture) -> float:
        """Share of 1,000 images that the member puts into their class."""
        if member not in self._quick:
            self._quick[member] = self._share(member, IMAGES)
        return self._quick[member]

    def fully(self, member: Architecture) -> float:
        """The share of all held-out images, after a short training of the member."""
        if member not in self.trained:
            images, _ = self._halves.held_out
            before = self._supernet.get_weights()
            try:
                self._train(member)
                self.trained[member] = self._share(member, len(images))
            finally:
                self._supernet.set_weights(before)
            if self._kept is not None:
                _write(self._kept, self.trained)
        return self.trained[member]

    def _share(self, member: Architecture, images: int) -> float:
        x, y = (part[:images] for part in self._halves.held_out)
        parts = [x[i : i + _BATCH] for i in range(0, len(x), _BATCH)]
        gamma = _one_hot(member)
        logits = [self._logits(tf.constant(scale(part)), gamma) for part in parts]
        return float(np.mean(np.argmax(np.concatenate(logits), axis=-1) == y))

    def _train(self, member: Architecture) -> None:
        """Move the supernet's weights for one member, on images they have seen."""
        optimizer, step = self._trainer
        for variable in optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        gamma = _one_hot(member)
        for images, labels in self._halves.calibration_batches(_STEPS):
            step(images, labels, gamma)

    @cached_property
    def _trainer(self) -> tuple[Any, Any]:
        """An optimizer and its step, traced once for all members."""
        supernet, weights = self._supernet, self._supernet.trainable_variables
        losses = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        rate = keras.optimizers.schedules.CosineDecay(_RATE, _STEPS)
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
        optimizer.build(weights)

        def step(images: Any, labels: Any, gamma: Any) -> None:
            with tf.GradientTape() as tape:
                loss = losses(labels, supernet([images, gamma], training=True))
            optimizer.apply(tape.gradient(loss, weights), weights)

        return optimizer, tf.function(step, reduce_retracing=True)


def _one_hot(member: Architecture) -> Any:
    return keras.ops.one_hot(member.indices, len(member.space.ops))


def _write(path: Path, trained: Mapping[Architecture, float]) -> None:
    networks = [[member.indices, share] for member, share in trained.items()]
    write_json(path, {"schema": _SCHEMA, "steps": _STEPS, "networks": networks})


def _read(path: Path, search: Search) -> dict[Architecture, float]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if (data["schema"], data["steps"]) != (_SCHEMA, _STEPS):
            raise RunError(f"{path} is of another version. Delete it.")
        return {
            Architecture(search.space, tuple(indices)): float(share)
            for indices, share in data["networks"]
        }
    except (OSError, KeyError, TypeError, ValueError, SettingsError) as error:
        raise RunError(f"{path} is damaged: {error}. Delete it.") from error
