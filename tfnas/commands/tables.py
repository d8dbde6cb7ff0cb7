"""`tfnas tables`."""

from pathlib import Path

import click

from tfnas.commands.shared import File, as_json, show
from tfnas.errors import SettingsError


@click.command()
@click.argument("files", nargs=-1, type=File)
@as_json
def tables(files: tuple[Path, ...], as_json: bool) -> None:
    """List latency tables; show one FILE, or set two FILES beside each other."""
    from tfnas.table import LatencyTable
    from tfnas.tables import compare, listed

    if len(files) > 2:
        raise SettingsError("Name one table to show it, or two to compare them")
    loaded = [LatencyTable.load(path) for path in files]
    if len(loaded) == 2:
        compared = compare(*loaded)
        show(compared.to_dict(), compared.in_words(), as_json)
    elif len(loaded) == 1:
        show(loaded[0].summary(), loaded[0].in_words(), as_json)
    else:
        found = listed(Path("tflite_tables"))
        facts = {str(path): table.summary() for path, table in found.items()}
        lines = [f"{path}: {table.headline()}" for path, table in found.items()]
        show(facts, "\n".join(lines) or "No tables below tflite_tables/", as_json)
