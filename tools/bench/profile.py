"""Time a profile of the cell space, then try its table on networks it never saw.

Prints seconds, and how far predictions are from measured medians on networks that were
neither fitted to nor held out by the profile. Run it on a quiet machine.
"""

import random
import time
from functools import partial

import click
import numpy as np

import tfnas
from tfnas.latency.calibration import spearman
from tfnas.latency.journal import Journal
from tfnas.latency.probes import network_model
from tfnas.latency.rounds import TIMING, measure
from tfnas.spaces.architecture import random_architecture
from tfnas.targets.registry import get_target


@click.command()
@click.option("--networks", default=12, show_default=True, help="Networks to try.")
@click.option("--seed", default=1, show_default=True, help="Of these networks.")
def main(networks: int, seed: int) -> None:
    """Profile this machine's CPU and check the predictions."""
    space, device = tfnas.CellSpace(), get_target("cpu")
    began = time.monotonic()
    table = tfnas.profile(space, device)
    seconds = time.monotonic() - began
    fit = table.calibration
    print(f"profile and calibration: {seconds:.1f} s")
    print(
        f"held out by the profile: {len(fit.heldout_measured_ms)} networks, median "
        f"error {fit.median_error:.2%}, Spearman {fit.spearman:.3f}"
    )
    rng = random.Random(seed)
    members = [random_architecture(space, rng) for _ in range(networks)]
    makers = {str(i): partial(network_model, m) for i, m in enumerate(members)}
    timed = measure(makers, device, Journal(None, {}), TIMING, rng)
    measured = [one.median_ms for one in timed.values()]
    predictions = [table.predict(member) for member in members]
    predicted = [prediction.latency_ms for prediction in predictions]
    errors = np.abs(np.array(predicted) / measured - 1)
    inside = sum(
        p.low_ms <= m <= p.high_ms for p, m in zip(predictions, measured, strict=True)
    )
    print(
        f"{networks} other networks, {min(measured):.3f} to {max(measured):.3f} ms: "
        f"median error {np.median(errors):.2%}, largest {errors.max():.2%}, Spearman "
        f"{spearman(predicted, measured):.3f}, {inside} inside the interval"
    )


if __name__ == "__main__":
    main()
