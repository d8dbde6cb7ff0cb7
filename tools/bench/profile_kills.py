"""Kill a profile at random moments, repeat it each time, compare with one left alone.

What ends before its kill is compared and begun anew, until there were enough kills.
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

from tfnas.spaces.ops import OPS


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
    rng = random.Random(seed)
    states: list[Any] = []
    tables: list[Any] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "space.toml").write_text(f"{SPACE}ops = {[*OPS]}\n")
        broken = folder / "broken.json"
        asked = ["profile", "--space", "space.toml", "--target", target, "--output"]
        tfnas(folder, *asked, "whole.json")
        whole = json.loads((folder / "whole.json").read_text())
        while len(states) < kills:
            seconds = rng.uniform(0, longest)
            kill_after(seconds, signal.SIGKILL, folder, *asked, broken.name)
            if broken.exists():  # it came to its end, if not to that of the process
                tables.append(json.loads(broken.read_text()))
                broken.unlink()
                continue
            states.append(known_so_far(folder))
            print(f"kill {len(states)}: {states[-1]} blocks are kept", flush=True)
        tfnas(folder, *asked, broken.name)
        tables.append(json.loads(broken.read_text()))
    print(
        f"{kills} kills of {len(tables)} profiles, {len(set(states))} different states "
        "to go on from"
    )
    print(f"runs of every row equal: {all(runs(t) == runs(whole) for t in tables)}")
    print(f"tables identical: {all(table == whole for table in tables)}")


def runs(table: Any) -> list[int]:
    """Timed runs of every row."""
    return [row["runs"] for row in table["rows"]]


if __name__ == "__main__":
    main()
