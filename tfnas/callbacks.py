"""What happens between steps and epochs: annealing, progress on stderr, history."""

import csv
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras

from tfnas.config import SearchConfig
from tfnas.events import write_scalars
from tfnas.files import replace_file
from tfnas.progress import bar, say
from tfnas.runs import Run

_LOOK_EVERY_STEPS = 20


class Schedule(keras.callbacks.Callback):
    """Lower a search's temperature each epoch, and wake its hypernetwork up.

    Args:
        config: Temperatures, epochs, warm-up and the hypernetwork's learning rate.
    """

    def __init__(self, config: SearchConfig) -> None:
        super().__init__()
        self.config = config

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set what holds in this epoch."""
        del logs
        config = self.config
        temperature = annealed(
            epoch, config.start_temperature, config.end_temperature, config.epochs
        )
        self.model.temperature.assign(temperature)
        awake = epoch >= config.warmup_epochs
        self.model.arch_optimizer.learning_rate = config.arch_lr if awake else 0.0


def annealed(epoch: int, start: float, end: float, epochs: int) -> float:
    """Temperature of an epoch: a straight line from `start` to `end`."""
    return start + (end - start) * epoch / max(1, epochs - 1)


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


class Record(keras.callbacks.Callback):
    """After each epoch: a line of history, and the same scalars for TensorBoard.

    Args:
        run: Where to.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write what the epoch has come to; lines of a later epoch are dropped."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        row = {"epoch": float(epoch + 1), **values}
        before = [old for old in self.run.load_history() if old["epoch"] <= epoch]
        rows = [*before, row]
        replace_file(self.run.history, lambda path: _write_csv(path, rows))
        write_scalars(self.run.tensorboard, epoch + 1, row)


def _write_csv(path: Any, rows: list[Any]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[-1])
        writer.writeheader()
        writer.writerows(rows)
