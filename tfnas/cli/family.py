"""`tfnas family`."""

from pathlib import Path

import click

from tfnas.cli.options import (
    Count,
    as_json,
    at_table,
    load_tensorflow,
    of_run,
    options,
    overwriting,
    show,
)


@click.command()
@options(of_run, at_table)
@click.option(
    "--points", type=Count, help="Points of the simplex to look at.  [default: 2000]"
)
@click.option("--members", type=Count, help="Members to score.  [default: 100]")
@options(overwriting, as_json)
def family(
    name: str | None,
    table_file: Path | None,
    points: int | None,
    members: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Show the whole family of a search: what members cost, and how good they are.

    With --table and without any run: what networks of its space cost.
    """
    from tfnas.errors import RunError
    from tfnas.search.run import find_run

    try:
        run = find_run(Path("runs"), name)
    except RunError:
        if table_file is None or name is not None:
            raise
        run = None
    load_tensorflow()
    from tfnas.cli.texts import front_text, ranges_text
    from tfnas.family.extremes import space_ranges
    from tfnas.family.selector import show_family
    from tfnas.latency.store import load_table

    table = load_table(table_file)
    if run is None and table is not None:
        found = space_ranges(table)
        show(found, ranges_text(found), as_json)
    elif run is not None:
        found = show_family(run, table, points, members, overwrite=overwrite)
        show(found, front_text(found), as_json)
