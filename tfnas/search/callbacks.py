"""What happens between steps and epochs: annealing, progress on stderr, history."""

import csv
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfnas.data.batches import in_order
from tfnas.data.halves import Halves
from tfnas.errors import SettingsError
from tfnas.networks.evaluate import score_member
from tfnas.networks.weights import named_weights
from tfnas.search.derive import derive, shares
from tfnas.search.run import Run, State
from tfnas.search.search import Search
from tfnas.search.settings import SearchConfig
from tfnas.spaces.ops import find_op
from tfnas.support.files import replace_file
from tfnas.support.progress import say
from tfnas.support.units import ms_text

COLLAPSE_SHARE = 0.85


class Schedule(keras.callbacks.Callback):
    """Lower a search's temperature each epoch, and wake its hypernetwork up.

    Args:
        config: Temperatures, epochs and warm-up. `fit` rests for whole epochs alone;
            `run_search` counts steps.
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
        self.model.rest(epoch < int(config.warmup * config.epochs))


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


def epoch_facts(
    search: Search, halves: Halves, config: SearchConfig, state: State
) -> Mapping[str, float]:
    """How the member at the uniform point does, with the supernet's weights.

    Args:
        search: The search.
        halves: Batches to measure batch norm on, and held-out images to score.
        config: Says how long the hypernetwork rests.
        state: Of the last step of the epoch.
    """
    alpha = search.alpha()
    taken, awake = shares(search.space, alpha), state.epochs >= config.rest_epochs
    if awake and (warning := collapse_warning(taken)):
        say(f"Warning: {warning}")
    loss, accuracy = _score(search, halves)
    return {
        "val_loss": loss,
        "val_accuracy": accuracy,
        "latency_ms": latency_ms(search, alpha),
        "temperature": temperature_of(search),
        **{f"share_{op}": share for op, share in taken.items()},
    }


def _score(search: Search, halves: Halves) -> tuple[float, float]:
    try:
        member = derive(search.space, search.alpha())
    except SettingsError as error:  # `none` cuts the network: it can only guess
        say(f"Warning: {error}")
        return math.log(search.space.num_classes), 1 / search.space.num_classes
    weights = named_weights(search.supernet)
    return score_member(member, weights, halves.calibration, in_order(*halves.held_out))


def temperature_of(search: Search) -> float:
    """The temperature as a number, also where every device holds a copy of it."""
    return float(search.temperature.value.numpy())


def latency_ms(search: Search, alpha: Any) -> float:
    """Predicted latency of the member of logits; no number where they make none."""
    try:
        return search.table.predict(derive(search.space, alpha)).latency_ms
    except SettingsError:
        return math.nan


def facts_text(search: Search, logs: Mapping[str, float]) -> str:
    """What a step or an epoch has come to, for the progress line."""
    alpha = search.alpha()
    taken = shares(search.space, alpha).items()
    ops = ", ".join(f"{op} {share:.0%}" for op, share in taken)
    scored = f"  accuracy {logs['val_accuracy']:.1%}" if "val_accuracy" in logs else ""
    return (
        f"loss {logs['loss']:.3f}{scored}  at uniform S "
        f"{ms_text(latency_ms(search, alpha))} ms, {ops}"
    )


def collapse_warning(shares: Mapping[str, float]) -> str | None:
    """A sentence, if ops with few weights or none have taken most choices.

    DARTS-like searches are known to drift to identities and pools while the weights of
    convolutions have learned little.

    Args:
        shares: Share of the choices that each op takes at the uniform point.
    """
    light = {op: share for op, share in shares.items() if find_op(op).light}
    if (total := sum(light.values())) <= COLLAPSE_SHARE:
        return None
    return (
        f"{' and '.join(light)} have {total:.0%} of the choices at equal prices: the "
        "search may have collapsed. A longer warm-up or lower price weights help."
    )
