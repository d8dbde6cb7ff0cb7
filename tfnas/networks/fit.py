"""Training a classifier, with a line of progress."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import keras

from tfnas.support.progress import bar, say

_LOOK_EVERY_STEPS = 20


class Progress(keras.callbacks.Callback):
    """A line that is written over while it runs, and one after each epoch.

    Args:
        title: What is being trained.
        epochs: Epochs of the whole training.
        facts: Maps the logs, of a step or of an epoch, to text for the line.
    """

    def __init__(
        self, title: str, epochs: int, facts: Callable[[Mapping[str, float]], str]
    ) -> None:
        super().__init__()
        self.title, self.epochs, self.facts = title, epochs, facts
        self.bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Say which epoch it is."""
        del logs
        self.epoch, self.began = epoch, time.monotonic()
        if self.bar is not None:
            self.bar.set_description_str(self._title(), refresh=False)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar; it starts here, where a resumed training starts."""
        steps = self.params["steps"]
        done = self.epoch * steps + batch + 1
        if self.bar is None:
            self.bar = bar(self.epochs * steps, self._title(), done - 1)
        if batch % _LOOK_EVERY_STEPS == 0:
            self.bar.set_postfix_str(self.facts(logs or {}), refresh=False)
        self.bar.update(done - self.bar.n)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print the line."""
        seconds = time.monotonic() - self.began
        left = self.bar.format_dict if self.bar is not None else {}
        rate = left.get("rate") or 0
        ahead = (left["total"] - left["n"]) / rate if rate else 0
        say(
            f"{self._title()}  {self.facts(logs or {})}  "
            f"{seconds:.0f} s, {ahead / 60:.0f} min left"
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Take the bar away."""
        del logs
        if self.bar is not None:
            self.bar.close()

    def _title(self) -> str:
        return f"{self.title} {self.epoch + 1}/{self.epochs}"


def training_progress(title: str, epochs: int) -> Progress:
    """The line of a member's training: loss and accuracy of the epoch so far."""
    return Progress(
        title,
        epochs,
        lambda logs: f"loss {logs['loss']:.3f}  accuracy {logs['accuracy']:.1%}",
    )
