"""How many networks that a table has not seen lie within its interval, as it states.

Random networks, drawn as a profile draws them but with another seed, are measured in
rounds on the table's own device. Prints the shares within the interval and beyond
either end, of networks and of single rounds, with their binomial standard errors. One
table can be off its stated share by about as much as that is, however many networks are
measured: it is kept on average over calibrations. Run it on a quiet machine.
"""

import json
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from tfnas.latency.calibration import Prediction
from tfnas.latency.journal import Journal
from tfnas.latency.probes import network_model
from tfnas.latency.rounds import TIMING, measure
from tfnas.latency.table import LatencyTable
from tfnas.latency.table_file import read_table
from tfnas.spaces.architecture import random_architecture
from tfnas.targets.registry import same_target

SEED = 1  # a profile draws its networks with 0
Times = tuple[Prediction, tuple[float, ...]]


def fresh(table: LatencyTable, count: int) -> list[Times]:
    """Networks that run whole: what is predicted, and each round's median in ms."""
    device = same_target(table.target, table.device, table.reach)
    rng = random.Random(SEED)
    members = [random_architecture(table.space, rng) for _ in range(count)]
    whole = partial(network_model, traits=device.traits)
    makers = {str(number): partial(whole, m) for number, m in enumerate(members)}
    timed = measure(makers, device, Journal(None, {}), TIMING, rng).values()
    pairs = zip(members, timed, strict=True)
    return [(table.predict(m), one.rounds_ms) for m, one in pairs if one.is_usable]


def shares(times: Sequence[tuple[Prediction, float]]) -> dict[str, list[float]]:
    """The shares within, above and below the interval, each with its standard error."""
    above = np.mean([ms > predicted.high_ms for predicted, ms in times])
    below = np.mean([ms < predicted.low_ms for predicted, ms in times])
    found = {"within": 1 - above - below, "above": above, "below": below}
    return {
        name: [float(p), float(np.sqrt(p * (1 - p) / len(times)))]
        for name, p in found.items()
    }


def result(table: LatencyTable, times: Sequence[Times]) -> dict[str, Any]:
    """All that was found, as plain values."""
    of_networks = [(predicted, float(np.median(ms))) for predicted, ms in times]
    errors = [ms / predicted.latency_ms - 1 for predicted, ms in of_networks]
    return {
        "target": table.target,
        "device": dict(table.device),
        "table": table.fingerprint,
        "heldout_networks": len(table.calibration.heldout_rounds_ms),
        "interval": table.calibration.interval,
        "beyond": table.calibration.beyond,
        "networks": shares(of_networks),
        # of a network that is off, all rounds are: their errors are too small
        "rounds": shares([(p, ms) for p, rounds in times for ms in rounds]),
        "median_error": float(np.median(np.abs(errors))),
        "predicted_ms": [predicted.latency_ms for predicted, _ in times],
        "rounds_ms": [rounds for _, rounds in times],
    }


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--networks", default=60, show_default=True, help="How many.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path))
def main(path: Path, networks: int, output: Path | None) -> None:
    """Measure networks that the table at PATH has not seen."""
    table = read_table(path)
    found = result(table, fresh(table, networks))
    below, above = found["interval"]
    print(
        f"{len(found['rounds_ms'])} networks on {table.target}, median error "
        f"{found['median_error']:.2%}; the interval of -{below:.1%} to +{above:.1%} "
        f"states at most {found['beyond']:.1%} beyond either end"
    )
    for kind in ("networks", "rounds"):
        for name, (share, error) in found[kind].items():
            print(f"{kind} {name}: {share:.1%} (standard error {error:.1%})")
    if output:
        output.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
