"""Whether the table steers a search: families of two tables, judged on each device.

For each of the two devices: the hypervolume, on it, of families searched with its own
table and of families searched with the other's, whose members are then priced for it;
over time, and over its logarithm. Runs are paired in their order: give both sides the
same seeds. A member's accuracy is that with its own supernet's weights on all held-out
images. And op counts at the paper's points, beside how much seeds alone change them.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from options import FOLDER, output_option

from tfnas.data.load import load_source
from tfnas.family.extremes import fastest, slowest
from tfnas.family.family import find_family
from tfnas.family.member import Score
from tfnas.family.scorer import Scorer
from tfnas.family.selector import load_search
from tfnas.latency.table import LatencyTable
from tfnas.search.run import Run
from tfnas.search.search import Search
from tfnas.spaces.simplex import uniform

DEAR = 0.7


def hypervolume(points: Sequence[tuple[float, float]], worst: float) -> float:
    """Share of a box that points dominate: time from 0 to 1, accuracy to 1.

    Args:
        points: Time, where 1 is that of the slowest network, and accuracy.
        worst: The accuracy that all of the box is above.
    """
    area, best = 0.0, worst
    for time, accuracy in sorted(points):
        if accuracy > best and time < 1:
            area += (1 - time) * (accuracy - best)
            best = accuracy
    return area / (1 - worst)


def of_run(
    search: Search, table: LatencyTable, score: Score, members: int
) -> tuple[float, float]:
    """Hypervolume of a search's family on the device of a table.

    Returns:
        Over milliseconds; and over their logarithm, from the fastest network on, where
        limits of all orders of magnitude count alike.
    """
    family = find_family(search, table, score, scored=members)
    low, high = (table.predict(end(table)).latency_ms for end in (fastest, slowest))
    worst = 1 / search.space.num_classes
    ms = np.array([table.predict(member).latency_ms for member in family.scores])
    times = ms / high, np.log(ms / low) / np.log(high / low)
    scores = family.scores.values()
    linear, logarithmic = (
        hypervolume([*zip(t, scores, strict=True)], worst) for t in times
    )
    return linear, logarithmic


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
@click.option(
    "--members", default=200, show_default=True, help="Scored in each family."
)
@output_option
def main(
    first: tuple[Path, ...], second: tuple[Path, ...], members: int, output: Path | None
) -> None:
    """Judge runs searched with one table and with another."""
    sides = [[load_search(Run(path)) for path in paths] for paths in (first, second)]
    data = load_source(sides[0][0].config.source, sides[0][0].space.input_shape)
    scores = {id(one): Scorer(one, data).fully for side in sides for one in side}
    result: dict[str, Any] = {}
    for own, other in (sides, sides[::-1]):
        table = own[0].table
        volumes = [
            [of_run(one, table, scores[id(one)], members) for one in side]
            for side in (own, other)
        ]
        for axis, name in enumerate(("linear", "logarithmic")):
            sides_of = [[volume[axis] for volume in side] for side in volumes]
            found = compared(*sides_of)
            result[f"{table.target}, {name}"] = found
            print(f"{table.target}, {name}: {json.dumps(found)}", flush=True)
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
