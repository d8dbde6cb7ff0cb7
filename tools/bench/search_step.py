"""Seconds and memory of a bilevel step, beside a plain training step.

The plain step trains the largest member of the same space on one batch: in the cell
space that with convolutions everywhere. Times are medians of interleaved steps in one
process; peak memory is that of a process of its own for each kind of step. What the
first call of each took, which traces it, goes to stderr.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import tensorflow as tf

from tfnas.latency.profile import profile
from tfnas.latency.table import LatencyTable
from tfnas.latency.table_file import read_table
from tfnas.networks.build import build
from tfnas.networks.counts import params_matrix
from tfnas.networks.fast_layers import fast_layers
from tfnas.search.search import Search
from tfnas.search.settings import SearchConfig
from tfnas.search.stage import graphs_as_traced
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace

STEPS = {
    "plain": "plain step of the largest member",
    "sampled": "bilevel step, sampled",
    "rewritten": "bilevel step, sampled, graphs rewritten by TensorFlow",
    "dearest": "bilevel step, sampled, the largest member alone",
    "soft": "bilevel step, soft",
}

Step = Callable[[], float]


def bilevel(
    table: LatencyTable,
    batch: Any,
    mode: str,
    *,
    largest: bool = False,
    rewritten: bool = False,
) -> Step:
    """A step of weights and hypernetwork, at its first draws or the largest member."""
    search = Search(table.space, table, SearchConfig(mode=mode))
    search.compile(keras.optimizers.SGD(0.01, momentum=0.9), "adam")
    if largest:
        references = search.hypernetwork.references
        logits = 50 * search.largest.reshape(-1)
        references.assign(np.tile(logits, (*references.shape[:2], 1)))
    step = tf.function(lambda: search.step((batch, batch))["loss"], autograph=False)

    def call() -> float:
        with nullcontext() if rewritten else graphs_as_traced():
            return float(step())

    return call


def plain(table: LatencyTable, batch: Any) -> Step:
    """A training step of the member with most parameters."""
    largest = np.argmax(
        np.where(table.usable(), params_matrix(table.space), -1), axis=1
    )
    member = Architecture(table.space, tuple(map(int, largest)))
    model = build(member, layers=fast_layers)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    step = tf.function(lambda: model.train_step(batch)["loss"])
    return lambda: float(step())


def make_steps(table: LatencyTable, batch_size: int) -> dict[str, Callable[[], Step]]:
    """Every kind of step, ready to be built; on noise, which costs what images do."""
    rng = np.random.default_rng(0)
    images = rng.random((batch_size, *table.space.input_shape), dtype=np.float32)
    labels = rng.integers(0, table.space.num_classes, batch_size)
    batch = (tf.constant(images), tf.constant(labels))
    return {
        "plain": partial(plain, table, batch),
        "sampled": partial(bilevel, table, batch, "sampled"),
        "rewritten": partial(bilevel, table, batch, "sampled", rewritten=True),
        "dearest": partial(bilevel, table, batch, "sampled", largest=True),
        "soft": partial(bilevel, table, batch, "soft"),
    }


def peak_mib(kind: str, arguments: list[str]) -> float:
    """Peak memory of a fresh process that does a few steps of one kind."""
    command = [sys.executable, __file__, *arguments, "--only", kind]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


@click.command()
@click.option(
    "--table", "path", help="Table of a space; that of cells is measured if absent."
)
@click.option("--steps", default=15, show_default=True, help="Timed steps of each.")
@click.option("--batch-size", default=64, show_default=True, help="Images a step.")
@click.option("--only", type=click.Choice([*STEPS]), help="Print its peak MiB alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    path: str | None, steps: int, batch_size: int, only: str | None, as_json: bool
) -> None:
    """Time the steps of a search and of plain training."""
    table = read_table(Path(path)) if path else profile(CellSpace())
    makers = make_steps(table, batch_size)
    if only:
        call = makers[only]()
        for _ in range(5):
            call()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    arguments = [*(["--table", path] if path else []), "--batch-size", str(batch_size)]
    memory = {kind: peak_mib(kind, arguments) for kind in STEPS}
    seconds = interleaved({kind: make() for kind, make in makers.items()}, steps)
    rows = {
        STEPS[kind]: {
            "seconds": seconds[kind],
            "times_plain": seconds[kind] / seconds["plain"],
            "peak_mib": memory[kind],
            "memory_times_plain": memory[kind] / memory["plain"],
        }
        for kind in STEPS
    }
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for name, row in rows.items():
        print(
            f"{name}: {row['seconds']:.3f} s, {row['times_plain']:.2f} of the plain "
            f"step; {row['peak_mib']:.0f} MiB, {row['memory_times_plain']:.2f} of it"
        )


def interleaved(calls: dict[str, Step], steps: int) -> dict[str, float]:
    """Median seconds of each call, one after another in every round."""
    seconds: dict[str, list[float]] = {kind: [] for kind in calls}
    for kind, call in calls.items():
        began = time.perf_counter()
        call()
        first = time.perf_counter() - began
        print(f"{STEPS[kind]}: first call {first:.1f} s", file=sys.stderr, flush=True)
    for _ in range(steps):
        for kind, call in calls.items():
            began = time.perf_counter()
            call()
            seconds[kind].append(time.perf_counter() - began)
    return {kind: float(np.median(times)) for kind, times in seconds.items()}


if __name__ == "__main__":
    main()
