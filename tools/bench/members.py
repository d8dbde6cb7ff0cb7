"""The exported members at the paper's points, beside what the paper published.

Reads the cards of a run whose members A, B, C and D were exported:
`tfnas export --budget 0.33,0.33,0.33 --budget 0.15,0.15,0.7 --budget 0.7,0.15,0.15
--budget 0.15,0.7,0.15`.
"""

import json
from collections import Counter
from pathlib import Path

import click

from tfnas.spaces.cell import CellSpace
from tfnas.spaces.simplex import budget_name, parse_budget
from tfnas.spaces.space import DEPLOYABLE
from tfnas.tflite.graph import check_int8

# Firsov 2024: accuracy in percent, parameters of the ops on the edges.
PUBLISHED = {
    "A": ("0.33,0.33,0.33", 82.5, 38304),
    "B": ("0.15,0.15,0.7", 79.2, 5120),
    "C": ("0.7,0.15,0.15", 85.0, 143488),
    "D": ("0.15,0.7,0.15", 81.4, 12320),
}


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(run: Path) -> None:
    """Print a row for each member of RUN, and what its int8 graph holds."""
    ops = CellSpace().ops
    counts = {}
    for point, (text, accuracy, op_params) in PUBLISHED.items():
        folder = run / "export" / budget_name(parse_budget(text, ops))
        card = json.loads((folder / "card.json").read_text())
        counts[point] = card["op_counts"]
        measured = card["measured_latency_ms"]
        print(
            f"{point}: {list(card['op_counts'].values())} of {'/'.join(ops)}; float "
            f"{card['float_accuracy']:.2%}, int8 {card['int8_accuracy']:.2%} of "
            f"{card['test_images']}; {card['op_params']:,} parameters in ops, "
            f"{card['params']:,} in total; {card['size_bytes']:,} bytes; predicted "
            f"{card['predicted_latency_ms']:.3f} ms, measured {measured:.3f} ms "
            f"({measured / card['predicted_latency_ms'] - 1:+.1%}); trained "
            f"{card['epochs']} epochs in {card['train_seconds']:.0f} s "
            f"| published {accuracy} %, {op_params:,} parameters in ops"
        )
        graph = check_int8((folder / "model_int8.tflite").read_bytes(), DEPLOYABLE)
        print(f"   all int8: {dict(Counter(graph))}")
    for point, op in (("B", ops[2]), ("C", ops[0]), ("D", ops[1])):
        fewest = counts[point][op] == min(count[op] for count in counts.values())
        print(f"{point} has the fewest {op}: {fewest}")


if __name__ == "__main__":
    main()
