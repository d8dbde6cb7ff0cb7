"""Whether a member within a limit beats chance, with the same chances for both.

For limits spread over the range of a space: the member that `export --max-latency`
takes; the best of 24 random networks that keep the limit and use most of it, chosen by
the same scores and climbed from in the same way; and the member's own ops in another
order, where one keeps the limit. All are trained equally, from the supernet's weights
or from scratch, on a part of the training set, and compared on the test set, by which
nothing was chosen. Results are kept, so that the command goes on where it was.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from options import runs_argument

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.errors import SettingsError
from tfnas.family.climb import climbed
from tfnas.family.extremes import space_ranges
from tfnas.family.limits import Limits, Request
from tfnas.family.selector import Selector
from tfnas.latency.table import LatencyTable
from tfnas.networks.evaluate import accuracy
from tfnas.networks.weights import named_weights
from tfnas.search.run import Run
from tfnas.spaces.architecture import Architecture, random_architecture
from tfnas.support.files import write_text

RIVALS, TRIES = 24, 100_000
WHO = ("family", "random", "shuffled")
# A random network within a limit uses at least this share of it.
NEAR = 0.85


def limits_over(table: LatencyTable, count: int) -> list[float]:
    """Limits in ms from a little above the fastest network to the slowest."""
    found = space_ranges(table)["latency_ms"]
    above = 1 + table.calibration.interval[1]
    low, high = 1.02 * above * found["min"], above * found["max"]
    return [float(f"{ms:.4g}") for ms in np.linspace(low, high, count)]


def shuffles(member: Architecture, rng: random.Random) -> Iterator[Architecture]:
    """The member's ops in other orders, where they may stand."""
    indices = list(member.indices)
    for _ in range(TRIES):
        rng.shuffle(indices)
        try:
            found = Architecture(member.space, tuple(indices))
        except SettingsError:
            continue
        if found != member:
            yield found


def best_of(
    drawn: Iterator[Architecture], limit: float, selector: Selector, least: float
) -> Architecture | None:
    """The best by score of the first networks that keep a limit."""
    found: dict[Architecture, None] = {}
    for network in drawn:
        if least * limit <= selector.table.predict(network).high_ms <= limit:
            found.setdefault(network)
        if len(found) == RIVALS:
            break
    if len(found) < RIVALS:
        click.echo(f"{limit:g} ms: {len(found)} random networks alone", err=True)
    return max(found, key=selector.score.fully, default=None)


def contestants(
    selector: Selector, limit: float, rng: random.Random
) -> dict[str, Architecture | None]:
    """Who is trained for a limit."""
    asked = Request(None, Limits(latency_ms=limit))
    member = selector.take(asked).architecture
    draw: Callable[[], Architecture] = partial(random_architecture, member.space, rng)

    def keeps(network: Architecture) -> bool:
        return selector.table.predict(network).high_ms <= limit

    chance = best_of((draw() for _ in range(TRIES)), limit, selector, NEAR)
    return {
        "family": member,
        "random": chance and climbed(chance, keeps, keeps, selector.score),
        "shuffled": next(filter(keeps, shuffles(member, rng)), None),
    }


def compare(
    run: Run, limits: int, images: int, epochs: int, from_scratch: bool
) -> list[dict[str, Any]]:
    """One row for each limit; rows that were kept are read."""
    selector = Selector(run)
    start = None if from_scratch else named_weights(selector.search.supernet)
    data, config = part_of(selector.data, images), TrainConfig(epochs=epochs)
    facts = f"{images}-{epochs}-{from_scratch}"
    kept = run.path / f"rivals-{limits}-{facts}-{weights_of(run)}.jsonl"
    rows = read_lines(kept)
    for row in drawn(selector, limits)[len(rows) :]:
        for name in WHO:
            ops = row[f"{name}_ops"]
            who = ops and Architecture.of_ops(selector.search.space, ops)
            row[name] = who and trained(who, data, config, start)
        rows.append(row)
        write_lines(kept, rows)
        print(json.dumps(row), flush=True)
    return rows


def drawn(selector: Selector, limits: int) -> list[dict[str, Any]]:
    """Who is trained for each limit; kept, since all starts compare the same ones."""
    kept = selector.run.path / f"rivals-{limits}-{weights_of(selector.run)}.jsonl"
    rows, rng = read_lines(kept), random.Random(0)
    for number, limit in enumerate(limits_over(selector.table, limits)):
        if number < len(rows):
            continue
        rng.seed(number)
        who = contestants(selector, limit, rng)
        ops = {f"{name}_ops": one and one.ops for name, one in who.items()}
        rows.append({"limit": limit, **ops})
        write_lines(kept, rows)
    return rows


def read_lines(path: Path) -> list[dict[str, Any]]:
    """JSON objects, one a line; none where there is no file."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write them."""
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def part_of(data: Dataset, images: int) -> Dataset:
    """Some of the training images, and the whole test set."""
    some = np.random.default_rng(0).permutation(len(data.x_train))[:images]
    return replace(data, x_train=data.x_train[some], y_train=data.y_train[some])


def weights_of(run: Run) -> str:
    """What tells the weights of a run from those of another in its place."""
    return hashlib.sha256(run.supernet.read_bytes()).hexdigest()[:8]


def trained(who: Architecture, data: Dataset, config: TrainConfig, start: Any) -> float:
    """Accuracy after training."""
    model = train_member(who, data, config, weights=start)
    return accuracy(model, in_order(data.x_test, data.y_test))


@click.command()
@runs_argument
@click.option("--limits", default=12, show_default=True, help="How many.")
@click.option("--images", default=12_800, show_default=True, help="To train on.")
@click.option("--epochs", default=2, show_default=True, help="Passes over them.")
@click.option("--from-scratch", is_flag=True, help="Fresh weights for all.")
def main(
    runs: tuple[Path, ...], limits: int, images: int, epochs: int, from_scratch: bool
) -> None:
    """Compare members of RUNS with chance."""
    rows = [
        row
        for run in runs
        for row in compare(Run(run), limits, images, epochs, from_scratch)
    ]
    for rival in ("random", "shuffled"):
        pairs = [(row["family"], row[rival]) for row in rows if row[rival] is not None]
        gains = 100 * np.subtract(*np.transpose(pairs))
        error = gains.std(ddof=1) / len(gains) ** 0.5
        print(
            f"against {rival}: {gains.mean():+.2f} points (standard error "
            f"{error:.2f}), {np.sum(gains > 0)} of {len(gains)} won"
        )


if __name__ == "__main__":
    main()
