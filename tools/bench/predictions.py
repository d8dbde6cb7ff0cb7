"""How far predictions are off for members of a family, which are no random networks.

Members evenly spread over their predicted latency are converted with fresh weights and
measured on the table's own device.
"""

from pathlib import Path

import click
import numpy as np

from tfnas.family.family import logits_for
from tfnas.family.selector import load_search
from tfnas.latency.device import Place, on_target
from tfnas.latency.probes import network_model
from tfnas.latency.table_file import read_table
from tfnas.search.derive import POINTS, sweep
from tfnas.search.run import Run
from tfnas.targets.registry import target_class


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--table", "path", type=click.Path(path_type=Path), help="Other prices.")
@click.option("--members", "count", default=12, show_default=True, help="How many.")
def main(run: Path, path: Path | None, count: int) -> None:
    """Measure members of RUN and compare."""
    search = load_search(Run(run))
    table = read_table(path) if path else search.table
    members = sorted(
        sweep(search.space, logits_for(search, table), search.config, POINTS),
        key=lambda member: table.predict(member).latency_ms,
    )
    traits = target_class(table.target).traits
    errors, inside = [], 0
    for pick in np.linspace(0, len(members) - 1, count).round().astype(int):
        member = members[pick]
        model = network_model(member, traits=traits)
        timed, _ = on_target(model, Place.of_table(table))
        if timed is None:
            raise SystemExit("The table's device is not there")
        expected, found = table.predict(member), timed.median_ms
        errors.append(expected.latency_ms / found - 1)
        inside += expected.low_ms <= found <= expected.high_ms
        print(
            f"{found:.4f} ms, predicted {expected.latency_ms:.4f} ({errors[-1]:+.1%}): "
            + ", ".join(f"{n} {op}" for op, n in member.op_counts.items()),
            flush=True,
        )
    below, above = table.calibration.interval
    print(
        f"median error {np.median(np.abs(errors)):.2%}, largest "
        f"{np.max(np.abs(errors)):.1%}, {inside} of {count} within their intervals of "
        f"-{below:.1%} to +{above:.1%}"
    )


if __name__ == "__main__":
    main()
