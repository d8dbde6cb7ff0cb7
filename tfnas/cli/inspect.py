"""`tfnas show` and `tfnas validate`: what is in a file, and whether it still holds."""

from pathlib import Path
from typing import Any

import click

from tfnas.cli.options import (
    File,
    as_json,
    gate_options,
    load_tensorflow,
    make_gates,
    options,
    show,
)


@click.command("show")
@click.argument("file", type=File)
@as_json
def show_file(file: Path, as_json: bool) -> None:
    """Say what a .tflite FILE is: labels, input, architecture, operators."""
    from tfnas.cli.texts import described
    from tfnas.tflite.metadata import describe_file

    facts = describe_file(file)
    show(facts, described(facts), as_json)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--data", help="Dataset, folder or .npz.  [default: that of the export]")
@options(gate_options, as_json)
def validate(folder: Path, data: str | None, as_json: bool, **gates: Any) -> None:
    """Repeat the checks of an exported member's FOLDER."""
    asked = make_gates(**gates)
    load_tensorflow()
    from tfnas.cli.texts import validation_text
    from tfnas.data.source import Source
    from tfnas.deploy.check import validate as checked

    card = checked(folder, Source(data, typed=True) if data else None)
    show(card, validation_text(card), as_json)
    asked.require([card])
