"""The coefficients of the target `edgetpu-estimate`, and how wrong they are.

Reads Edge TPU latencies of NAS-Bench-201 networks on CIFAR-10, measured by
HW-NAS-Bench (github.com/GATECH-EIC/HW-NAS-Bench), fits a line on a random half of them
and scores it on the other. The data are not part of the project: name the file.
"""

import csv
import random
from pathlib import Path

import click
import numpy as np

from tfnas.latency.calibration import spearman
from tfnas.targets.edgetpu.estimate import MS_PER_MILLION, OVERHEAD_MS

COLUMN = "edgetpu_hwnasbench_ms"
# NAS-Bench-201 (arXiv 2001.00326, figure 1): five cells at each of three sizes, whose
# edges go 0->1, 0->2, 1->2, 0->3, 1->3, 2->3; between the sizes a residual block.
ENDS = (1, 2, 2, 3, 3, 3)
KINDS = {"o": "conv_1x1", "c": "conv", "p": "pool"}
SIZES = (32 * 32 * 16, 16 * 16 * 32, 8 * 8 * 64)
CELLS = 5


def millions(ops: str) -> dict[str, float]:
    """Output elements of each kind of op in a whole network, in millions."""
    found = dict.fromkeys(MS_PER_MILLION, 0)
    found["conv"] += SIZES[0]  # the stem
    for size in SIZES[1:]:  # conv 3x3, conv 3x3, add; shortcut of pool and conv 1x1
        for kind in ("conv", "conv", "add", "pool", "conv_1x1"):
            found[kind] += size
    for op in ops:
        if op in KINDS:
            found[KINDS[op]] += CELLS * sum(SIZES)
    for node in set(ENDS):
        live = sum(op != "n" for op, end in zip(ops, ENDS, strict=True) if end == node)
        found["add"] += CELLS * sum(SIZES) * max(0, live - 1)
    return {kind: count / 1e6 for kind, count in found.items()}


@click.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--seed", default=0, show_default=True, help="Of the split.")
def main(file: Path, seed: int) -> None:
    """Fit on half of FILE, print the coefficients and the error on the other half."""
    with file.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row[COLUMN]]
    random.Random(seed).shuffle(rows)
    counts = [[*millions(row["ops_pruned"]).values(), 1] for row in rows]
    x, y = np.array(counts), np.array([float(row[COLUMN]) for row in rows])
    half = len(rows) // 2
    fitted, *_ = np.linalg.lstsq(x[:half], y[:half])
    shipped = np.array([*MS_PER_MILLION.values(), OVERHEAD_MS])
    for name, weights in (("fitted here", fitted), ("shipped", shipped)):
        predicted = x[half:] @ weights
        print(
            f"{name}: "
            + ", ".join(
                f"{kind} {weight:.3f}"
                for kind, weight in zip(
                    [*MS_PER_MILLION, "overhead"], weights, strict=True
                )
            )
            + f"; on {len(rows) - half} other networks median error "
            f"{np.median(np.abs(predicted / y[half:] - 1)):.1%}, "
            f"Spearman {spearman(predicted.tolist(), y[half:].tolist()):.3f}"
        )


if __name__ == "__main__":
    main()
