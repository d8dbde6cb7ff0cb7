"""`tfnas tables`."""

from pathlib import Path

import click

from tfnas.cli.options import File, as_json, options, overwriting, show
from tfnas.errors import SettingsError


@click.command()
@click.argument("files", nargs=-1, type=File)
@click.option("--merge", "merged", type=File, help="Table to make of two.")
@options(overwriting, as_json)
def tables(
    files: tuple[Path, ...], merged: Path | None, overwrite: bool, as_json: bool
) -> None:
    """List latency tables; show one FILE, or set two FILES beside each other.

    With --merge, make one table of two that one device gave: of the same ops, or of
    other ops of the same space.
    """
    from tfnas.latency.compare import compare, merge
    from tfnas.latency.store import listed
    from tfnas.latency.table import LatencyTable
    from tfnas.support.files import refuse_overwrite

    if len(files) > 2 or (merged and len(files) != 2):
        raise SettingsError(
            "Name one table to show it, or two to compare or merge them"
        )
    loaded = [LatencyTable.load(path) for path in files]
    if merged:
        refuse_overwrite(merged, overwrite)
        both = merge(*loaded)
        both.save(merged)
        result = {"table": str(merged), **both.summary()}
        show(result, f"{merged}: {both.in_words()}", as_json)
    elif len(loaded) == 2:
        compared = compare(*loaded)
        show(compared.to_dict(), compared.in_words(), as_json)
    elif len(loaded) == 1:
        show(loaded[0].summary(), loaded[0].in_words(), as_json)
    else:
        found = listed(Path("tflite_tables"))
        facts = {str(path): table.summary() for path, table in found.items()}
        lines = [f"{path}: {table.headline()}" for path, table in found.items()]
        show(facts, "\n".join(lines) or "No tables below tflite_tables/", as_json)
