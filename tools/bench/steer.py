"""Whether the table steers a search: families of two tables, judged on each device.

For each of the two devices: the hypervolume, on it, of families searched with its own
table and of families searched with the other's, whose members are then priced for it.
Runs are paired in their order: give both sides the same seeds. A member's accuracy is
that with its own supernet's weights on held-out images. And op counts at the paper's
points, beside how much seeds alone change them.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from options import FOLDER, output_option

from tfnas.data.load import load_source
from tfnas.family.extremes import slowest
from tfnas.family.family import find_family
from tfnas.family.scorer import Scorer
from tfnas.family.selector import load_search
from tfnas.latency.table import LatencyTable
from tfnas.search.run import Run
from tfnas.search.search import Search
from tfnas.spaces.simplex import uniform

DEAR = 0.7


def hypervolume(
    points: Sequence[tuple[float, float]], most_ms: float, worst: float
) -> float:
    """Share of a box that points dominate: time from 0 to `most_ms`, accuracy to 1.

    Args:
        points: Milliseconds and accuracy.
        most_ms: A time that all of the box is below.
        worst: The accuracy that all of the box is above.
    """
    area, best = 0.0, worst
    for ms, accuracy in sorted(points):
        if accuracy > best and ms < most_ms:
            area += (most_ms - ms) * (accuracy - best)
            best = accuracy
    return area / (most_ms * (1 - worst))


def of_run(search: Search, table: LatencyTable, score: Scorer, members: int) -> float:
    """Hypervolume of a search's family on the device of a table."""
    family = find_family(search, table, score, scored=members)
    points = [(table.predict(m).latency_ms, s) for m, s in family.scores.items()]
    most_ms = table.predict(slowest(table)).latency_ms
    return hypervolume(points, most_ms, 1 / search.space.num_classes)


def corners(num_axes: int) -> list[tuple[float, ...]]:
    """The uniform point, and for each axis one where it is dear."""
    rest = (1 - DEAR) / (num_axes - 1)
    dear = [
        [DEAR if i == axis else rest for i in range(num_axes)]
        for axis in range(num_axes)
    ]
    return [uniform(num_axes), *map(tuple, dear)]


def count_distance(first: Search, second: Search) -> float:
    """Ops that two searches count differently at the corners, on the mean."""
    found = []
    for point in corners(len(first.space.axes)):
        a, b = (search.derive(point).op_counts for search in (first, second))
        found.append(sum(abs(a[op] - b[op]) for op in a) / 2)
    return float(np.mean(found))


def compared(own: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    """Mean of the paired differences with its standard error."""
    difference = np.subtract(own, other)
    error = float(np.std(difference, ddof=1) / np.sqrt(len(difference)))
    mean = float(np.mean(difference))
    return {"own": own, "other": other, "difference": mean, "error": error}


@click.command()
@click.option("--first", multiple=True, required=True, type=FOLDER, help="Repeatable.")
@click.option("--second", multiple=True, required=True, type=FOLDER, help="Repeatable.")
@click.option("--members", default=60, show_default=True, help="Scored in each family.")
@output_option
def main(
    first: tuple[Path, ...], second: tuple[Path, ...], members: int, output: Path | None
) -> None:
    """Judge runs searched with one table and with another."""
    sides = [[load_search(Run(path)) for path in paths] for paths in (first, second)]
    data = load_source(sides[0][0].config.source, sides[0][0].space.input_shape)
    scores = {id(one): Scorer(one, data) for side in sides for one in side}
    result: dict[str, Any] = {}
    for own, other in (sides, sides[::-1]):
        table = own[0].table
        volumes = [
            [of_run(one, table, scores[id(one)], members) for one in side]
            for side in (own, other)
        ]
        result[table.target] = compared(*volumes)
        print(table.target, json.dumps(result[table.target]), flush=True)
    pairs = [(a, b) for side in sides for a in side for b in side if a is not b]
    across = [(a, b) for a in sides[0] for b in sides[1]]
    result["counts"] = {
        "between_seeds": float(np.mean([count_distance(*pair) for pair in pairs])),
        "between_tables": float(np.mean([count_distance(*pair) for pair in across])),
    }
    print(json.dumps(result["counts"]))
    if output:
        output.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
