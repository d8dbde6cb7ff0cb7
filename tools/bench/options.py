"""What several benches ask for."""

from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)

runs_argument = click.argument("runs", nargs=-1, required=True, type=FOLDER)
output_option = click.option("--output", type=OUTPUT, help="JSON file to write.")
