"""What happens between steps and epochs: annealing, progress on stderr, history."""

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfnas.search.run import Run
from tfnas.search.settings import SearchConfig
from tfnas.support.files import replace_file


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


def write_scalars(folder: Path, step: int, values: Mapping[str, float]) -> None:
    """Add the scalars of one step to a folder that TensorBoard reads.

    Each call writes a file of its own, whole; TensorBoard joins the files of a folder.

    Args:
        folder: Where event files lie; made if it is not there.
        step: What the scalars are drawn over.
        values: By name.

    Raises:
        TfnasError: If the disk is full or the folder cannot be written.
    """
    now = time.time()
    scalars = [
        tf.compat.v1.Summary.Value(tag=name, simple_value=value)
        for name, value in values.items()
    ]
    events = [
        tf.compat.v1.Event(wall_time=now, file_version="brain.Event:2"),
        tf.compat.v1.Event(
            wall_time=now, step=step, summary=tf.compat.v1.Summary(value=scalars)
        ),
    ]
    path = folder / f"events.out.tfevents.{int(now):010d}.step-{step:05d}"
    replace_file(path, lambda temporary: _write(temporary, events))


def _write(path: Path, events: Sequence[Any]) -> None:
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for event in events:
                writer.write(event.SerializeToString())
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
