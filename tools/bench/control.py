"""Whether the simplex is obeyed: counts of each op on the way to its vertex.

For each run and op, on the line through the uniform point that leads from where the op
is free to where it alone is dear: how often the op is taken, Kendall's tau between its
price and that count, and the count at a price of 0.9. With several runs of one space:
how far their members at the uniform point agree, beside what the same op counts in a
random order would agree.
"""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import click
import numpy as np

from tfnas.search.run import Run
from tfnas.search.search import Search, load_search
from tfnas.spaces.simplex import uniform

POINTS = 13


def towards(num_ops: int, op: int, share: float) -> list[float]:
    """The point where one op has a share and the others share the rest equally."""
    rest = (1 - share) / (num_ops - 1)
    return [share if index == op else rest for index in range(num_ops)]


def tau(x: Sequence[float], y: Sequence[float]) -> dict[str, float | None]:
    """Kendall's tau: b, which counts ties against itself, and gamma, which does not."""
    signs = np.array(
        [
            (np.sign(a[0] - b[0]), np.sign(a[1] - b[1]))
            for a, b in combinations(list(zip(x, y, strict=True)), 2)
        ]
    )
    product = float(np.sum(signs[:, 0] * signs[:, 1]))
    untied = np.sum(signs != 0, axis=0)
    pairs = int(np.sum(np.all(signs != 0, axis=1)))
    return {
        "tau_b": product / float(np.sqrt(untied[0] * untied[1])) if pairs else None,
        "gamma": product / pairs if pairs else None,
    }


def line(search: Search, op: int) -> dict[str, object]:
    """Counts of an op from where it is free, over the uniform point, to its vertex."""
    num, name = len(search.space.ops), search.space.ops[op]
    shares = np.linspace(0, 1, POINTS).tolist()
    counts = [
        search.derive(towards(num, op, share)).op_counts[name] for share in shares
    ]
    at_high = search.derive(towards(num, op, 0.9)).op_counts[name]
    return {"op": name, "counts": counts, **tau(shares, counts), "at_0.9": at_high}


def agreement(searches: Sequence[Search]) -> dict[str, float]:
    """Share of equal choices at the uniform point, over all pairs; and by chance."""
    same, chance = [], []
    num = len(searches[0].space.ops)
    kinds = np.array([choice.kind for choice in searches[0].space.choices])
    for first, second in combinations(searches, 2):
        a, b = (
            np.array(search.derive(uniform(num)).indices) for search in (first, second)
        )
        same.append(float(np.mean(a == b)))
        expected = np.zeros(len(a))
        for kind in set(kinds):
            here = kinds == kind
            shares = [np.bincount(x[here], minlength=num) / here.sum() for x in (a, b)]
            expected[here] = float(shares[0] @ shares[1])
        chance.append(float(np.mean(expected)))
    return {"equal": float(np.mean(same)), "by_chance": float(np.mean(chance))}


@click.command()
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(runs: tuple[Path, ...], as_json: bool) -> None:
    """Print the three or more lines of every run in RUNS, and how the runs agree."""
    searches = [load_search(Run(path)) for path in runs]
    result: dict[str, object] = {
        str(path): [line(search, op) for op in range(len(search.space.ops))]
        for path, search in zip(runs, searches, strict=True)
    }
    if len(searches) > 1:
        result["agreement"] = agreement(searches)
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(name)
        for row in value if isinstance(value, list) else [value]:
            print(f"   {row}")


if __name__ == "__main__":
    main()
