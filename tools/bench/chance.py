"""Whether the data have a say: members of a family beside chance and the null model.

Each of a dozen members is set beside (latency) a random architecture of the same
predicted latency, (counts) one with the same op counts in each kind of cell, its edges
shuffled, and (price) the member at the same point of a hypernetwork that was trained on
the price term alone, without a network or data. All are trained equally, as `export`
does it, from the supernet's weights, or all from scratch, on a part of the training set
and scored on its held-out tenth; the test set is not looked at. Results are kept in a
file, so that the command goes on where it was.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import click
import numpy as np
import tensorflow as tf
from start import without_test

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.data.load import load
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.latency.table import LatencyTable
from tfnas.networks.evaluate import accuracy
from tfnas.networks.weights import named_weights
from tfnas.search.prices import price
from tfnas.search.run import Run
from tfnas.search.search import Search, load_search, make_search
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Budget, grid

RIVALS = ("latency", "counts", "price")
CHANCE = 0.1
Make = Callable[[Budget, Architecture], Architecture]


def spread_members(search: Search, count: int) -> dict[Budget, Architecture]:
    """Distinct members, evenly spread over the ranks of their latency."""
    points = {search.derive(point): point for point in grid(len(search.space.ops), 12)}
    ranked = sorted(points, key=lambda member: search.table.sum_ms(member))
    picks = np.linspace(0, len(ranked) - 1, count).round().astype(int)
    return {points[ranked[pick]]: ranked[pick] for pick in sorted(set(picks))}


def same_latency(table: LatencyTable, rng: random.Random) -> Make:
    """Random mixtures of ops, until one is predicted to take as long within 1 %."""

    def make(_: Budget, member: Architecture) -> Architecture:
        space, wanted = member.space, table.predict(member).latency_ms
        for _ in range(200_000):
            shares = [rng.expovariate(1) for _ in space.ops]
            picks = rng.choices(range(len(space.ops)), shares, k=len(space.choices))
            drawn = Architecture(space, tuple(picks))
            if abs(table.predict(drawn).latency_ms / wanted - 1) < 0.01:
                return drawn
        raise SystemExit(f"No random architecture takes {wanted:.3f} ms")

    return make


def same_counts(rng: random.Random) -> Make:
    """The member's own ops, shuffled within each kind of cell."""

    def make(_: Budget, member: Architecture) -> Architecture:
        indices = list(member.indices)
        for kind in {choice.kind for choice in member.space.choices}:
            here = [i for i, c in enumerate(member.space.choices) if c.kind == kind]
            drawn = rng.sample([indices[i] for i in here], len(here))
            for place, op in zip(here, drawn, strict=True):
                indices[place] = op
        return Architecture(member.space, tuple(indices))

    return make


def price_alone(run: Run) -> Make:
    """The members of the null model, searched with the run's settings."""
    config, table = run.load_config(), run.load_table()
    steps = 27_000 // config.batch_size * config.epochs
    search = make_search(config, table, steps=1)
    variables = search.hypernetwork.trainable_variables

    @tf.function
    def step(number: tf.Tensor) -> None:
        point = search.draw_point(len(search.space.ops), (config.seed, number))
        with tf.GradientTape() as tape:
            gamma_bar = tf.nn.softmax(search.hypernetwork(point))
            cost = price(point, gamma_bar, search.prices)
        search.arch_optimizer.apply(tape.gradient(cost, variables), variables)

    for number in range(int(config.warmup * steps), steps):
        step(tf.constant(number))
    return lambda budget, _: search.derive(budget)


def hypervolume(points: Sequence[tuple[float, float]], longest: float) -> float:
    """Area of (latency, accuracy) that the points dominate, as a share of all.

    The reference point is the longest latency, at the accuracy of guessing.
    """
    area, best = 0.0, CHANCE
    times = sorted({time for time, _ in points})
    for start, end in zip(times, [*times[1:], longest], strict=True):
        best = max([best, *(score for time, score in points if time == start)])
        area += (end - start) * (best - CHANCE)
    return area / (longest * (1 - CHANCE))


def subset(data: Dataset, images: int) -> Dataset:
    """The first images of a training set that is in a random order."""
    return replace(data, x_train=data.x_train[:images], y_train=data.y_train[:images])


def compare(
    run: Run, members: int, images: int, config: TrainConfig
) -> list[dict[str, float]]:
    """Train members and rivals, one row for each member; rows kept before are read."""
    search, seed = load_search(run), run.load_config().seed
    weights = None if config.from_scratch else named_weights(search.supernet)
    data = subset(without_test(load(run.load_config().data)), images)
    rng = random.Random(seed)
    rivals: dict[str, Make] = {
        "latency": same_latency(search.table, rng),
        "counts": same_counts(rng),
        "price": price_alone(run),
    }

    @cache
    def trained(who: Architecture) -> float:
        model = train_member(who, data, config, weights=weights)
        return accuracy(model, in_order(data.x_test, data.y_test))

    start = "scratch" if config.from_scratch else "supernet"
    kept = run.path / f"chance-{start}-{members}-{images}-{config.epochs}.jsonl"
    lines = kept.read_text().splitlines() if kept.exists() else []
    for number, (budget, member) in enumerate(spread_members(search, members).items()):
        row: dict[str, float] = {"seed": seed}
        here = {
            "family": member,
            **{k: make(budget, member) for k, make in rivals.items()},
        }
        if number < len(lines):
            continue
        for kind, who in here.items():
            row[kind] = trained(who)
            row[f"{kind}_ms"] = search.table.predict(who).latency_ms
        lines.append(json.dumps({**row, "budget": budget, **member.op_counts}))
        kept.write_text("\n".join(lines) + "\n")
        print(lines[-1], flush=True)
    return [json.loads(line) for line in lines]


def report(name: str, rows: list[dict[str, float]], longest: float) -> None:
    """Differences, wins and hypervolumes."""
    front = [(row["family_ms"], row["family"]) for row in rows]
    print(f"{name}: family hypervolume {hypervolume(front, longest):.4f}")
    for kind in RIVALS:
        gains = np.array([row["family"] - row[kind] for row in rows])
        error = gains.std(ddof=1) / len(gains) ** 0.5
        other = [(row[f"{kind}_ms"], row[kind]) for row in rows]
        print(
            f"   against the same {kind}: {100 * gains.mean():+.2f} points "
            f"(standard error {100 * error:.2f}), {np.sum(gains > 0)} of "
            f"{len(gains)} won; hypervolume {hypervolume(other, longest):.4f}"
        )


@click.command()
@click.argument(
    "runs",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--members", default=12, show_default=True, help="Members of the family.")
@click.option("--images", default=9_600, show_default=True, help="To train on.")
@click.option("--epochs", default=1, show_default=True, help="Passes over them.")
@click.option("--from-scratch", is_flag=True, help="Fresh weights for all.")
def main(
    runs: tuple[Path, ...], members: int, images: int, epochs: int, from_scratch: bool
) -> None:
    """Compare the families of RUNS with chance and with the null model."""
    config = TrainConfig(epochs=epochs, from_scratch=from_scratch)
    rows = {str(run): compare(Run(run), members, images, config) for run in runs}
    every = [row for here in rows.values() for row in here]
    longest = max(row[f"{kind}_ms"] for row in every for kind in ("family", *RIVALS))
    for name, here in [*rows.items(), ("all", every)]:
        report(name, here, longest)


if __name__ == "__main__":
    main()
