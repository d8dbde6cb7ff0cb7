"""`tfnas tables`."""

from pathlib import Path

import click

from tfnas.cli.options import File, as_json, options, overwrite_option, show
from tfnas.errors import SettingsError


@click.command()
@click.argument("files", nargs=-1, type=File)
@click.option("--merge", "merged", type=File, help="Table to make of two.")
@options(overwrite_option, as_json)
def tables(
    files: tuple[Path, ...], merged: Path | None, overwrite: bool, as_json: bool
) -> None:
    """List latency tables; show one FILE, or set two FILES beside each other.

    With --merge, make one table of two that one device gave: of the same ops, or of
    other ops of the same space.
    """
    from tfnas.cli.texts import comparison_text, headline, table_text
    from tfnas.latency.compare import compare, merge
    from tfnas.latency.store import listed
    from tfnas.latency.table_file import read_table, write_table
    from tfnas.support.files import refuse_overwrite

    if len(files) > 2 or (merged and len(files) != 2):
        raise SettingsError(
            "Name one table to show it, or two to compare or merge them"
        )
    loaded = [read_table(path) for path in files]
    if merged:
        refuse_overwrite(merged, overwrite)
        both = merge(*loaded)
        write_table(merged, both)
        result = {"table": str(merged), **both.summary()}
        show(result, f"{merged}: {table_text(both)}", as_json)
    elif len(loaded) == 2:
        compared = compare(*loaded)
        show(compared.to_dict(), comparison_text(compared), as_json)
    elif len(loaded) == 1:
        show(loaded[0].summary(), table_text(loaded[0]), as_json)
    else:
        found = listed(Path("tflite_tables"))
        facts = {str(path): table.summary() for path, table in found.items()}
        lines = [f"{path}: {headline(table)}" for path, table in found.items()]
        show(facts, "\n".join(lines) or "No tables below tflite_tables/", as_json)
