"""`tfnas family`."""

from pathlib import Path

import click

from tfnas.cli.options import (
    Count,
    as_json,
    load_tensorflow,
    options,
    overwrite_option,
    run_option,
    show,
    table_option,
)


@click.command()
@options(run_option, table_option)
@click.option(
    "--points", type=Count, help="Points of the simplex to look at.  [default: 2000]"
)
@click.option("--members", type=Count, help="Members to score.  [default: 100]")
@options(overwrite_option, as_json)
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
    from tfnas.family.overview import show_family
    from tfnas.latency.table_file import read_table

    if run is None and table_file is not None:
        found = space_ranges(read_table(table_file))
        show(found, ranges_text(found), as_json)
    elif run is not None:
        table = run.load_other_table(table_file)
        found = show_family(run, table, points, members, overwrite=overwrite)
        show(found, front_text(found), as_json)
