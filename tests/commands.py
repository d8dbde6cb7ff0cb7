"""The command line as a user calls it, in this process."""

from pathlib import Path

from click.testing import CliRunner

from tfnas.cli.main import main


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def succeed(*args):
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result.stdout


def exported_folder(inside):
    return Path(inside[3][0]["folder"])
