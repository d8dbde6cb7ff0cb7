"""Kill a profile at random moments, repeat it each time, compare with one left alone.

Estimates of an Ethos-U are the same every time, so that the tables must be equal to the
last digit; of a device that is measured, every row must have as many runs.
"""

import json
import random
import signal
import tempfile
from pathlib import Path
from typing import Any

import click
from kills import SPACE, kill_after, tfnas

from tfnas.space import OP_NAMES


def known_so_far(folder: Path) -> int:
    """Blocks of runs that the journal holds."""
    journals = [*folder.glob(".broken.json.partial")]
    return len(journals[0].read_text().splitlines()) - 1 if journals else 0


@click.command()
@click.option("--kills", default=50, show_default=True, help="How often.")
@click.option("--target", default="ethos-u55-128", show_default=True, help="Where.")
@click.option("--longest", default=8.0, show_default=True, help="Seconds to a kill.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def main(kills: int, target: str, longest: float, seed: int) -> None:
    """Kill and repeat, then say whether the tables are identical."""
    rng, states = random.Random(seed), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # all ops, so that there is enough to measure for so many kills
        (folder / "space.toml").write_text(f"{SPACE}ops = {[*OP_NAMES]}\n")
        asked = ["profile", "--space", "space.toml", "--target", target, "--output"]
        tfnas(folder, *asked, "whole.json")
        for kill in range(kills):
            seconds = rng.uniform(0, longest)
            ended = kill_after(seconds, signal.SIGKILL, folder, *asked, "broken.json")
            states.append(known_so_far(folder))
            print(f"kill {kill + 1}: {states[-1]} blocks are kept", flush=True)
            if ended:
                raise SystemExit("The profile ended before its kill: lower --longest")
        tfnas(folder, *asked, "broken.json")
        tables: list[Any] = [
            json.loads((folder / f"{table}.json").read_text())
            for table in ("broken", "whole")
        ]
    runs = [[row["runs"] for row in table["rows"]] for table in tables]
    print(f"{kills} kills, {len(set(states))} different states to go on from")
    print(f"runs of every row equal: {runs[0] == runs[1]}")
    print(f"tables identical: {tables[0] == tables[1]}")


if __name__ == "__main__":
    main()
