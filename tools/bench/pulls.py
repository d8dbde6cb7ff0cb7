"""How strongly the data and each cost move the architecture, along a search.

For every checkpoint that RUN kept (`tfnas search --keep 99`): the gradients of the task
loss and of each cost, at strength 1, by the logits alpha at the uniform point, averaged
over many batches of the hypernetwork's half with ops drawn anew; and their norms. A
single batch's task gradient is mostly noise, so what noise is left in the average is
taken off: `|E g|^2` is estimated without bias by the product of two halves' means.
"""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf
from options import output_option

from tfnas.data.halves import search_halves
from tfnas.data.load import load_source
from tfnas.search.run import Run
from tfnas.search.search import Search, make_search


def pulls(search: Search, batches: Any) -> dict[str, Any]:
    """Gradients by alpha of every batch, shape `(batches, choices, ops)`, by term."""

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def pull(x: Any, y: Any, number: Any) -> dict[str, Any]:
        point, level = search._place()
        alpha, seed = search.logits(point, level), [search.config.seed, number]
        *_, by_task = search._task_pull((x, y), (x, y), alpha, tf.stack(seed))
        _, by_cost = search.prices.pulls(point[None], alpha[None])
        return {"task": by_task, **{name: one[0] for name, one in by_cost.items()}}

    found = [
        pull(x, y, tf.constant(number)) for number, (_, (x, y)) in enumerate(batches)
    ]
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def mean_norm(gradients: Any) -> float:
    """Norm of the expected gradient, without the noise of the batches."""
    first, second = gradients[::2].mean(axis=0), gradients[1::2].mean(axis=0)
    return float(np.sqrt(max(0.0, np.sum(first * second))))


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--batches", default=200, show_default=True, help="To average over.")
@output_option
def main(run: Path, batches: int, output: Path | None) -> None:
    """Print the norm of every pull, for every checkpoint of RUN."""
    config, table = Run(run).load_config(), Run(run).load_table()
    data = load_source(config.source, table.space.input_shape)
    halves = search_halves(data, config.batch_size, config.seed)
    search, rows = make_search(config, table, halves.steps), []
    for path in sorted(run.glob("checkpoint-*.weights.h5")):
        search.load_weights(path)
        seen = halves.batches(config.epochs, 0, config.epochs + 1).take(batches)
        norms = {name: mean_norm(g) for name, g in pulls(search, seen).items()}
        rows.append({"checkpoint": path.name, **norms})
        shown = ", ".join(f"{name} {norm:.2e}" for name, norm in norms.items())
        ratio = norms["latency"] / norms["task"] if norms["task"] else float("nan")
        print(f"{path.name}: {shown}; latency/task {ratio:.2f}", flush=True)
    if output:
        output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
