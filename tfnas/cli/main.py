"""The `tfnas` command: an error is one line; 2 for a user's, 3 for a gate's."""

import sys
from typing import Any

import click

from tfnas.cli.benchmark import benchmark
from tfnas.cli.export import derive, export
from tfnas.cli.family import family
from tfnas.cli.inspect import show_file, validate
from tfnas.cli.profile import profile
from tfnas.cli.search import search
from tfnas.cli.tables import tables
from tfnas.cli.targets import targets
from tfnas.errors import TfnasError

# Click keeps the lines of a paragraph that begins with a backspace.
HELP = """Find networks that are fast on your device; get them as int8 TFLite.

\b
tfnas profile                        device -> latency table
tfnas search                         data + table -> one family of networks
tfnas export --budget 0.3,0.5,0.2    a point of the simplex -> model_int8.tflite
"""


class Group(click.Group):
    """Shows a `TfnasError` as one line and exits with its code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except TfnasError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "tfnas"
            click.echo(f"Error: {error.format_message()} See {path} --help", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. What is done is kept: repeat the command to go on, "
                "a search with --resume.",
                err=True,
            )
            ctx.exit(130)


@click.group(cls=Group, help=HELP)
@click.version_option(package_name="tfnas")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def main(debug: bool) -> None:
    """Run a command; `Group` reads `debug`."""


COMMANDS = (
    *(targets, profile, tables, search, family, derive, export),
    *(validate, benchmark, show_file),
)


for command in COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    sys.exit(main())
