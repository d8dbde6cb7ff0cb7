"""Whether scores with the supernet's weights rank networks as their training does.

Networks of a space are trained from scratch on a part of the training set, all equally
and each several times, and looked at on its held-out tenth; the test set is not looked
at. They are random ones, drawn as the calibration draws them, most of which are deep;
random ones of every depth alike; or members of the first run's family. Against the mean
stand a run's own scores of them, with its supernet's weights, on 1,000 of the images
that it held out and on all of them; a run of seed 0 holds out the same tenth. How well
two trainings rank networks alike says what could be reached. What was trained is kept:
the command goes on where it was.
"""

import json
import random
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import numpy as np
from options import runs_argument

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.data.load import load_source
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.family.scorer import Scorer
from tfnas.family.selector import load_search
from tfnas.latency.calibration import spearman
from tfnas.networks.evaluate import accuracy
from tfnas.search.derive import POINTS, sweep
from tfnas.search.run import Run
from tfnas.search.search import Search, make_search
from tfnas.spaces.architecture import Architecture, random_architecture


def without_test(data: Dataset, images: int) -> Dataset:
    """Some of the training set, and a tenth of it in the place of the test set."""
    order = np.random.default_rng(0).permutation(len(data.x_train))
    held, rest = np.split(order, [len(order) // 10])
    rest = rest[:images]
    return replace(
        data,
        x_train=data.x_train[rest],
        y_train=data.y_train[rest],
        x_test=data.x_train[held],
        y_test=data.y_train[held],
    )


def networks(search: Search, count: int) -> list[Architecture]:
    """Distinct random networks of a space, the same ones every time."""
    rng, found = random.Random(0), dict[Architecture, None]()
    while len(found) < count:
        found.setdefault(random_architecture(search.space, rng))
    return [*found]


def of_every_depth(search: Search, count: int) -> list[Architecture]:
    """Distinct random networks whose share of empty blocks is drawn evenly."""
    space, rng, found = search.space, random.Random(0), dict[Architecture, None]()
    empty = [space.op(op).chain is None for op in space.ops]
    while len(found) < count:
        share, indices = rng.random(), []
        for row in space.allowed:
            skips = [m for m, fits in enumerate(row) if fits and empty[m]]
            others = [m for m, fits in enumerate(row) if fits and not empty[m]]
            skipped = not others or (skips and rng.random() < share)
            indices.append(rng.choice(skips if skipped else others))
        found.setdefault(Architecture(space, tuple(indices)))
    return [*found]


def of_family(search: Search, count: int) -> list[Architecture]:
    """Distinct members over the simplex and all strengths, the same every time."""
    found = sweep(search.space, search.alphas, search.config, POINTS)
    return random.Random(0).sample([*found], count)


DRAWN = {"random": networks, "depths": of_every_depth, "family": of_family}


def trained(
    members: list[Architecture], data: Dataset, config: TrainConfig, kept: Path
) -> list[float]:
    """Accuracy of each after training; read from a file where it is known."""
    known: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    of = f"{data.fingerprint} {config}"
    keys = [f"{m.space.fingerprint} {m.indices} {of}" for m in members]
    for key, member in zip(keys, members, strict=True):
        if key not in known:
            model = train_member(member, data, config)
            known[key] = accuracy(model, in_order(data.x_test, data.y_test))
            kept.write_text(json.dumps(known))
            print(f"{known[key]:.4f} {member.op_counts}", flush=True)
    return [known[key] for key in keys]


def scorer_of(run: Run, data: Dataset) -> Scorer:
    """What the supernet of a run says of networks; its hypernetwork is not asked."""
    search = make_search(run.load_config(), run.load_table(), steps=1)
    search.supernet.load_weights(run.supernet)
    return Scorer(search, data)


@click.command()
@runs_argument
@click.option("--networks", "count", default=24, show_default=True, help="How many.")
@click.option("--images", default=12_800, show_default=True, help="To train on.")
@click.option("--epochs", default=4, show_default=True, help="Passes over them.")
@click.option("--trainings", default=3, show_default=True, help="Of each network.")
@click.option("--of", type=click.Choice([*DRAWN]), default="random", help="Networks.")
@click.option("--kept", type=click.Path(path_type=Path), default="ranks.json")
def main(
    runs: tuple[Path, ...],
    count: int,
    images: int,
    epochs: int,
    trainings: int,
    of: str,
    kept: Path,
) -> None:
    """Print the rank correlation for each of RUNS, all of one space."""
    first = Run(runs[0])
    config, table = first.load_config(), first.load_table()
    members = DRAWN[of](load_search(first), count)
    data = load_source(config.source, table.space.input_shape)
    part = without_test(data, images)
    recipes = [TrainConfig(epochs=epochs, seed=seed) for seed in range(trainings)]
    each = [trained(members, part, recipe, kept) for recipe in recipes]
    truth = np.mean(each, axis=0).tolist()
    alike = [spearman(one, other) for one, other in combinations(each, 2)]
    print(f"two trainings rank alike: {np.mean(alike) if alike else float('nan'):.2f}")
    print(json.dumps({"trained": truth}))
    for path in runs:
        score = scorer_of(Run(path), data)
        for how, look in (("1,000 images", score), ("all images", score.fully)):
            scores = [look(member) for member in members]
            found: dict[str, Any] = {"run": str(path), "look": how}
            found["spearman"] = spearman(scores, truth)
            found["mean_gap"] = float(np.mean(np.subtract(truth, scores)))
            print(json.dumps({**found, "scores": scores}), flush=True)


if __name__ == "__main__":
    main()
