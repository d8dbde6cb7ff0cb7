"""Draw the family of a run over the simplex, as the SVG of the README.

Every dot is a budget of three shares; its colour says which kind of op the member there
uses most, its size how long the member is predicted to take, on a logarithmic scale.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import click

from tfnas.family.selector import load_search
from tfnas.search.run import Run
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import grid
from tfnas.support.units import ms_text

COLOURS = ("#3b7dd8", "#4caf7d", "#d8743b")
SIDE, TOP, LEFT, STEPS = 320.0, 50.0, 110.0, 14
HEIGHT = SIDE * 3**0.5 / 2


def place(budget: Sequence[float]) -> tuple[float, float]:
    """Where a budget of three shares lies: the last axis's vertex is on top."""
    _, right, top = budget
    return LEFT + SIDE * (right + top / 2), TOP + HEIGHT * (1 - top)


def label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    """A line of text."""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{text}</text>'


def axis_counts(member: Architecture) -> list[int]:
    """How many choices take an op of each axis of the budget."""
    space = member.space
    of_ops = space.axis_of_ops or range(len(space.ops))
    taken = [of_ops[m] for m in member.indices]
    return [taken.count(axis) for axis in range(len(space.axes))]


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
def main(run: Path, output: Path) -> None:
    """Draw the family of RUN into OUTPUT."""
    search = load_search(Run(run))
    axes = search.space.axes
    points = list(grid(3, STEPS))
    members = [search.derive(point) for point in points]
    times = [search.table.predict(member).latency_ms for member in members]
    dots = []
    for point, member, time in zip(points, members, times, strict=True):
        counts = axis_counts(member)
        most = max(range(3), key=counts.__getitem__)
        x, y = place(point)
        size = 2 + 7 * math.log(time / min(times)) / math.log(max(times) / min(times))
        dots.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="{COLOURS[most]}">'
            f"<title>{ms_text(time)} ms</title></circle>"
        )
    corners = [
        label(LEFT, TOP + HEIGHT + 28, f"{axes[0]} dear"),
        label(LEFT + SIDE, TOP + HEIGHT + 28, f"{axes[1]} dear"),
        label(LEFT + SIDE / 2, TOP - 18, f"{axes[2]} dear"),
    ]
    legend = [
        f'<circle cx="570" cy="{90 + 30 * index}" r="8" fill="{colour}"/>'
        + label(588, 95 + 30 * index, f"mostly {axis}", "start")
        for index, (axis, colour) in enumerate(zip(axes, COLOURS, strict=True))
    ]
    span = f"size: {ms_text(min(times))} to {ms_text(max(times))} ms"
    legend.append(label(562, 200, span, "start"))
    legend.append(label(562, 230, f"{len(set(members))} networks, one search", "start"))
    body = "\n".join([*dots, *corners, *legend])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 370" '
        'font-family="sans-serif" font-size="15" fill="#555">\n'
        f"{body}\n</svg>\n"
    )


if __name__ == "__main__":
    main()
