"""Whether a family reaches both ends of its space, and whether it obeys its prices.

For every run: its fastest and slowest member beside those of the space; predicted
milliseconds along the strength at the uniform point; and for every axis of the budget,
on the line from where its ops are free to where they alone are dear, how often they are
taken. `rises` counts the steps of a line at which they are taken more often.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
from options import output_option, runs_argument

from tfnas.family.extremes import fastest, slowest
from tfnas.family.selector import load_search
from tfnas.search.derive import POINTS, sweep
from tfnas.search.run import Run
from tfnas.search.search import Search

STEPS = 13


def ends(search: Search) -> dict[str, float]:
    """Milliseconds of the ends of the family and of its space, and their ratios."""
    table = search.table
    members = sweep(search.space, search.alphas, search.config, POINTS)
    times = [table.predict(member).latency_ms for member in members]
    fast, slow = (table.predict(end(table)).latency_ms for end in (fastest, slowest))
    return {
        "members": len(members),
        "fastest_ms": min(times),
        "slowest_ms": max(times),
        "over_fastest": min(times) / fast,
        "of_slowest": max(times) / slow,
    }


def towards(num_axes: int, axis: int, share: float) -> list[float]:
    """The point where one axis has a share and the others share the rest equally."""
    rest = (1 - share) / (num_axes - 1)
    return [share if index == axis else rest for index in range(num_axes)]


def taken(search: Search, axis: int, share: float) -> int:
    """How many choices take an op of an axis where it has a share of the budget."""
    space = search.space
    of_ops = space.axis_of_ops or range(len(space.ops))
    counts = search.derive(towards(len(space.axes), axis, share)).op_counts
    return sum(counts[op] for op, a in zip(space.ops, of_ops, strict=True) if a == axis)


def rises(values: Sequence[float]) -> int:
    """Steps at which values grow."""
    return sum(after > before for before, after in pairwise(values))


def report(search: Search) -> dict[str, Any]:
    """Ends, latency along the strength, and every line."""
    space, config = search.space, search.config
    uniform = [1 / len(space.axes)] * len(space.axes)
    times = [
        search.table.predict(search.derive(uniform, strength=strength)).latency_ms
        for strength in config.strength(np.linspace(-1, 1, STEPS)).tolist()
    ]
    lines = {}
    for axis, name in enumerate(space.axes):
        counts = [taken(search, axis, x) for x in np.linspace(0, 1, STEPS).tolist()]
        at_most = taken(search, axis, 0.9)
        lines[name] = {"counts": counts, "rises": rises(counts), "at_0.9": at_most}
    by_strength = {"ms": times, "rises": rises(times)}
    return {"ends": ends(search), "strength": by_strength, "lines": lines}


@click.command()
@runs_argument
@output_option
def main(runs: tuple[Path, ...], output: Path | None) -> None:
    """Print what RUNS cover."""
    result = {}
    for path in runs:
        result[str(path)] = found = report(load_search(Run(path)))
        print(path)
        for name, value in found.items():
            print(f"   {name}: {json.dumps(value)}", flush=True)
    if output:
        output.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
