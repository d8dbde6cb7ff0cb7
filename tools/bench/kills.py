"""Kill a search at random moments, resume it each time, compare with one left alone.

A tiny space and 400 generated images, so that a search takes seconds after its start;
every process is the real command, ended by SIGKILL or, every third time, by SIGTERM,
which it answers by saving in the middle of an epoch.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

SPACE = "input_shape = [8, 8, 1]\nnum_classes = 3\nnodes = 1\nchannels = 4\n"
TFNAS = (sys.executable, "-m", "tfnas.cli.main")


def prepare(folder: Path) -> None:
    """Noise whose class is its brightest part, and a table for its space."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 120, (400, 8, 8, 1))
    y = rng.integers(0, 3, 400)
    for image, label in zip(x, y, strict=True):
        image[2 * label : 2 * label + 3] += 100
    x = x.astype(np.uint8)
    train, test = slice(340), slice(340, None)
    np.savez(
        folder / "data.npz",
        x_train=x[train],
        y_train=y[train],
        x_test=x[test],
        y_test=y[test],
    )
    (folder / "space.toml").write_text(SPACE)
    tfnas(folder, "profile", "--space", "space.toml", "--output", "table.json")


def tfnas(folder: Path, *arguments: str) -> bytes:
    """Run a command to its end; what it printed."""
    command = [*TFNAS, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return done.stdout


def kill_after(seconds: float, how: int, folder: Path, *arguments: str) -> bool:
    """Start a command and end it by a signal; whether it had ended before."""
    process = subprocess.Popen(
        [*TFNAS, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    process.send_signal(how)
    return process.wait() == 0


@click.command()
@click.option("--kills", default=20, show_default=True, help="How often.")
@click.option("--epochs", default=60, show_default=True, help="Of the search.")
@click.option("--longest", default=25.0, show_default=True, help="Seconds to a kill.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def main(kills: int, epochs: int, longest: float, seed: int) -> None:
    """Kill and resume, then say whether history and architectures are identical."""
    rng, states = random.Random(seed), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        fresh = ["search", "--data", "data.npz", "--table", "table.json"]
        fresh += ["--batch-size", "32", "--epochs", str(epochs), "--run"]
        resume = ["search", "--resume", "--run", "broken"]
        tfnas(folder, *fresh, "whole")
        broken, whole = (folder / "runs" / run for run in ("broken", "whole"))
        for kill in range(kills):
            command = resume if (broken / "run.toml").exists() else [*fresh, "broken"]
            how = signal.SIGTERM if kill % 3 == 2 else signal.SIGKILL
            if kill_after(rng.uniform(0, longest), how, folder, *command):
                raise SystemExit("The search ended before its kill: raise --epochs")
            state = broken / "state.json"
            states.append(state.read_text() if state.exists() else "nothing saved")
            print(f"kill {kill + 1}: {' '.join(states[-1].split())[:60]}", flush=True)
        tfnas(folder, *resume)
        same_history = len({(r / "history.csv").read_bytes() for r in (broken, whole)})
        budgets = ["--budget", "0.34,0.33,0.33", "--budget", "0.2,0.3,0.5", "--json"]
        members = {
            tfnas(folder, "derive", "--run", r, *budgets) for r in ("broken", "whole")
        }
    print(f"{kills} kills, {len(set(states))} different states to resume from")
    print(f"history identical: {same_history == 1}")
    print(f"architectures identical: {len(members) == 1}")


if __name__ == "__main__":
    main()
