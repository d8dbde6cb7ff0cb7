"""Where the time of a bilevel step goes, by kind of kernel.

Runs the sampled step of the search and the plain step of the largest member
under TensorFlow's own profiler, and prints the kinds of kernels that take most of it.
Kernels run side by side on several cores: their sum may exceed the time of a step.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import click
import tensorflow as tf
from search_step import STEPS, make_steps
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from tfnas.latency.profile import profile
from tfnas.latency.table_file import read_table
from tfnas.spaces.cell import CellSpace

PROFILED = 5
# Enclosing events, which hold the kernels that are counted one by one.
ENCLOSING = ("Process", "EagerExecute", "EagerKernelExecute", "Run", "<lambda>")


def kernels(call: Callable[[], float]) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds and calls of every kind of kernel in one step."""
    for _ in range(3):
        call()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(PROFILED):
            call()
        tf.profiler.experimental.stop()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    times: dict[str, float] = defaultdict(float)
    calls: dict[str, float] = defaultdict(float)
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            kind = plane.event_metadata[event.metadata_id].name.split(":")[-1]
            if not kind.startswith((*ENCLOSING, "TFE_", " __inference")):
                times[kind] += event.duration_ps / 1e9 / PROFILED
                calls[kind] += 1 / PROFILED
    return times, calls


@click.command()
@click.option("--table", "path", help="Of a space; of cells, measured, if absent.")
@click.option("--top", default=12, show_default=True, help="Kinds to print.")
def main(path: str | None, top: int) -> None:
    """Profile both steps and print their kernels."""
    table = read_table(Path(path)) if path else profile(CellSpace())
    for name in ("plain", "sampled"):
        times, calls = kernels(make_steps(table, 64)[name]())
        print(f"{STEPS[name]}: {sum(times.values()):.0f} ms of kernels")
        dearest = sorted(times.items(), key=lambda pair: -pair[1])
        for kind, spent in dearest[:top]:
            print(f"  {spent:7.1f} ms  {calls[kind]:6.0f} calls  {kind}")


if __name__ == "__main__":
    main()
