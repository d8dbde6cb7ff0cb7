"""Which members of a family have no more parameters than the published networks.

For every published point: among the members over a fine grid of the simplex, the one
whose ops have the most parameters within those of the published network. Export it with
the budget that is printed, and compare its card with what was published.
"""

from pathlib import Path

import click
from members import PUBLISHED

from tfnas.networks.counts import op_params
from tfnas.search.run import Run
from tfnas.search.search import load_search
from tfnas.spaces.simplex import grid


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--steps", default=60, show_default=True, help="Of the grid.")
def main(run: Path, steps: int) -> None:
    """Print a budget of RUN for every published point."""
    search = load_search(Run(run))
    points = {search.derive(point): point for point in grid(3, steps)}
    sizes = {member: sum(op_params(site) for site in member.sites) for member in points}
    print(f"{len(points)} members, {min(sizes.values()):,} to {max(sizes.values()):,}")
    for name, (_, accuracy, limit) in PUBLISHED.items():
        within = [member for member in points if sizes[member] <= limit]
        if not within:
            print(f"{name}: none has {limit:,} parameters in its ops or fewer")
            continue
        best = max(within, key=lambda member: sizes[member])
        print(
            f"{name} ({accuracy} %, {limit:,}): --budget "
            f"{','.join(f'{share:.4f}' for share in points[best])} has "
            f"{sizes[best]:,}; {best.op_counts}"
        )


if __name__ == "__main__":
    main()
