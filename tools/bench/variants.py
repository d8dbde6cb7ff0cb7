"""The search's alternatives at equal wall-clock: one table.

Each variant searches for the same number of seconds, tracing left out: as many steps as
fit, with the schedules stretched over them. How many fit is told from the fastest of a
few steps, which other work on the machine disturbs least. Its members at the paper's
four points are then trained equally from scratch on a part of the training set and
scored on its held-out tenth. Results are kept in a file, so that the command goes on
where it was.
"""

import json
import time
from dataclasses import replace
from pathlib import Path

import click
import keras
import numpy as np
import tensorflow as tf
from chance import hypervolume, subset
from control import line
from members import PUBLISHED
from start import without_test

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.data.halves import search_halves
from tfnas.data.load import load
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.latency.table import LatencyTable
from tfnas.latency.table_file import read_table
from tfnas.networks.evaluate import accuracy
from tfnas.search.callbacks import Schedule
from tfnas.search.distribute import spread
from tfnas.search.loop import Loop
from tfnas.search.run import State
from tfnas.search.search import Search, make_search
from tfnas.search.settings import SearchConfig
from tfnas.spaces.simplex import parse_budget

VARIANTS: dict[str, dict[str, object]] = {
    "default": {},
    "soft": {"mode": "soft"},
    "mlp": {"hypernetwork": "mlp"},
    "dirichlet": {"sampler": "dirichlet"},
    "order 2": {"order": 2},
}
TRIAL = 10


def search_for(
    seconds: float, config: SearchConfig, table: LatencyTable, data: Dataset
) -> tuple[Search, int]:
    """Search for a time; the search, and how many steps fitted."""
    halves = search_halves(data, config.batch_size, config.seed)
    strategy = tf.distribute.get_strategy()
    trial = spread(strategy, make_search(config, table, 1).step, config.batch_size)
    times = []
    for batch in halves.batches(0, 0, 1).take(TRIAL + 1):
        began = time.perf_counter()
        trial(batch, False)
        times.append(time.perf_counter() - began)
    steps = int(seconds / min(times[1:]) / config.epochs)
    search = make_search(config, table, steps)
    loop = Loop(
        spread(strategy, search.step, config.batch_size),
        keras.callbacks.CallbackList([Schedule(config)], model=search),
        lambda state: {},
        lambda state: None,
        epochs=config.epochs,
        steps=steps,
    )
    passes = 1 + steps * config.epochs // halves.steps
    loop.run(iter(halves.batches(0, 0, passes)), State(), lambda state: False)
    return search, steps * config.epochs


def score(search: Search, data: Dataset, epochs: int) -> dict[str, object]:
    """Accuracy and latency of the members at the paper's points, trained equally."""
    found = {}
    for point, (text, *_) in PUBLISHED.items():
        member = search.derive(parse_budget(text, search.space.ops))
        model = train_member(member, data, TrainConfig(epochs=epochs))
        found[point] = {
            "accuracy": accuracy(model, in_order(data.x_test, data.y_test)),
            "ms": search.table.predict(member).latency_ms,
            "counts": list(member.op_counts.values()),
        }
    return found


@click.command()
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--table", "path", required=True, help="Table of the default space.")
@click.option("--variant", "names", multiple=True, default=[*VARIANTS], help="Which.")
@click.option("--seconds", default=360.0, show_default=True, help="Of each search.")
@click.option("--seed", default=0, show_default=True, help="Of each search.")
@click.option("--images", default=12_800, show_default=True, help="To train on.")
@click.option("--epochs", default=1, show_default=True, help="Passes over them.")
def main(
    output: Path,
    path: str,
    names: tuple[str, ...],
    seconds: float,
    seed: int,
    images: int,
    epochs: int,
) -> None:
    """Search with every variant, keep the results in OUTPUT, and print them."""
    table, data = read_table(Path(path)), load("fashion_mnist")
    for name in names:
        lines = output.read_text().splitlines() if output.exists() else []
        if name in [json.loads(line)["variant"] for line in lines]:
            continue
        config = replace(SearchConfig(seed=seed), **VARIANTS[name])
        search, steps = search_for(seconds, config, table, data)
        row = {
            "variant": name,
            "steps": steps,
            "tau": [line(search, op)["tau_b"] for op in range(len(search.space.ops))],
            "at_0.9": [line(search, op)["at_0.9"] for op in range(3)],
            "members": score(search, subset(without_test(data), images), epochs),
        }
        with output.open("a") as file:
            file.write(json.dumps(row) + "\n")
    rows = [json.loads(text) for text in output.read_text().splitlines()]
    longest = max(m["ms"] for row in rows for m in row["members"].values())
    for row in rows:
        members = row["members"].values()
        front = [(member["ms"], member["accuracy"]) for member in members]
        print(
            f"{row['variant']}: {row['steps']} steps; mean accuracy "
            f"{np.mean([score for _, score in front]):.2%}, hypervolume "
            f"{hypervolume(front, longest):.4f}; tau {row['tau']}, at 0.9 "
            f"{row['at_0.9']}; counts {[member['counts'] for member in members]}"
        )


if __name__ == "__main__":
    main()
