"""How far 50 batches of batch-norm statistics are from 500.

For members along the strength of each run: accuracy on held-out images, with the
supernet's weights, as `val_accuracy` of an epoch is, and with ten times the batches.
"""

from pathlib import Path

import click
import numpy as np
from options import runs_argument

from tfnas.data.batches import in_order
from tfnas.data.halves import search_halves
from tfnas.data.load import load_source
from tfnas.family.selector import load_search
from tfnas.networks.evaluate import score_member
from tfnas.networks.weights import named_weights
from tfnas.search.run import Run
from tfnas.spaces.simplex import uniform

FEW, MANY = 50, 500


@click.command()
@runs_argument
def main(runs: tuple[Path, ...]) -> None:
    """Score members of RUNS with few and with many batches."""
    for path in runs:
        search = load_search(Run(path))
        config, point = search.config, uniform(len(search.space.axes))
        data = load_source(config.source, search.space.input_shape)
        halves = search_halves(data, config.batch_size, config.seed)
        weights, differences = named_weights(search.supernet), []
        for strength in (0.1, 1.0, 10.0):
            member = search.derive(point, strength=strength)
            few, many = (
                score_member(
                    member,
                    weights,
                    halves.calibration_batches(count),
                    in_order(*halves.held_out),
                )[1]
                for count in (FEW, MANY)
            )
            differences.append(few - many)
            print(f"{path} strength {strength:g}: {FEW} {few:.4f}, {MANY} {many:.4f}")
        print(f"{path}: at most {100 * np.max(np.abs(differences)):.2f} points apart")


if __name__ == "__main__":
    main()
