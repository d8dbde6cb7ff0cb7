"""Whether a member trains better from the supernet's weights or from scratch.

Both are trained equally on nine tenths of the training set and scored on the tenth that
is held out; the test set is not looked at.
"""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.data.load import load
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.networks.evaluate import accuracy
from tfnas.networks.weights import named_weights
from tfnas.search.run import Run
from tfnas.search.search import load_search
from tfnas.spaces.simplex import parse_budget


def without_test(data: Dataset) -> Dataset:
    """The training set alone, a tenth of it in the place of the test set."""
    order = np.random.default_rng(0).permutation(len(data.x_train))
    held, rest = np.split(order, [len(order) // 10])
    return replace(
        data,
        x_train=data.x_train[rest],
        y_train=data.y_train[rest],
        x_test=data.x_train[held],
        y_test=data.y_train[held],
    )


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--budget", default="0.33,0.33,0.33", show_default=True, help="A point.")
@click.option("--epochs", default=2, show_default=True, help="Epochs of each.")
def main(run: Path, budget: str, epochs: int) -> None:
    """Train the member of RUN at a point in both ways."""
    search = load_search(Run(run))
    data = without_test(load(Run(run).load_config().data))
    member = search.derive(parse_budget(budget, search.space.ops))
    config = TrainConfig(epochs=epochs)
    for name, weights in (
        ("from the supernet", named_weights(search.supernet)),
        ("from scratch", None),
    ):
        model = train_member(member, data, config, weights=weights)
        score = accuracy(model, in_order(data.x_test, data.y_test))
        print(f"{name}: {score:.2%} of {len(data.x_test)} held-out images", flush=True)


if __name__ == "__main__":
    main()
