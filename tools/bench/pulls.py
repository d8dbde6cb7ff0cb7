"""How strongly the data and the price move the architecture, along a search.

For every checkpoint that RUN kept (`tfnas search --keep 99`): the gradient of the task
loss and of the price term by the logits alpha, each averaged over many batches of the
hypernetwork's half with points and ops drawn anew, as the search does; and their norms.
A single batch's task gradient is mostly noise, so what noise is left in the average is
taken off: `|E g|^2` is estimated without bias by the mean of products of two halves.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

from tfnas.data.halves import search_halves
from tfnas.data.load import load
from tfnas.search.prices import price
from tfnas.search.run import Run
from tfnas.search.search import Search, make_search


def pulls(search: Search, batches: Any) -> tuple[Any, Any]:
    """Gradients by alpha of every batch: `(batches, choices, ops)`, task and price."""

    @tf.function
    def pull(x: Any, y: Any, number: Any) -> tuple[Any, Any]:
        point = search.draw_point(len(search.space.ops), (search.seed, number))
        with tf.GradientTape(persistent=True) as tape:
            alpha = search.logits(point)
            gamma = search._draw_gamma(alpha, (search.seed + 1, number))
            cost = price(point, tf.nn.softmax(alpha), search.prices)
        by_gamma = search._gradients(x, y, gamma)[2][1]
        return tape.gradient(gamma, alpha, by_gamma), tape.gradient(cost, alpha)

    found = [
        pull(x, y, tf.constant(number)) for number, (_, (x, y)) in enumerate(batches)
    ]
    return tuple(np.array([pair[kind] for pair in found]) for kind in (0, 1))


def mean_norm(gradients: Any) -> float:
    """Norm of the expected gradient, without the noise of the batches."""
    first, second = gradients[::2].mean(axis=0), gradients[1::2].mean(axis=0)
    return float(np.sqrt(max(0.0, np.sum(first * second))))


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--batches", default=200, show_default=True, help="To average over.")
def main(run: Path, batches: int) -> None:
    """Print both norms for every checkpoint of RUN."""
    config, table = Run(run).load_config(), Run(run).load_table()
    halves = search_halves(load(config.data), config.batch_size, config.seed)
    for path in sorted(run.glob("checkpoint-*.weights.h5")):
        search = make_search(config, table, halves.steps)
        search.load_weights(path)
        seen = halves.batches(config.epochs, 0, config.epochs + 1).take(batches)
        task, prices = (mean_norm(found) for found in pulls(search, seen))
        print(
            f"{path.name}: task {task:.2e}, price {prices:.2e}, "
            f"price/task {prices / task:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
