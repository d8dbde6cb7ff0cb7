"""What commands share: options, and how results are printed."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfnas.errors import SettingsError

if TYPE_CHECKING:
    from tfnas.deploy.gates import Gates


Count = click.IntRange(min=1)
OneOf = click.Choice
File = click.Path(dir_okay=False, path_type=Path)


def options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options that commands share, as one decorator."""

    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document."
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace what exists."
)
run_option = click.option(
    "--run", "name", help="Name of a run, or its folder; newest first."
)
table_option = click.option(
    "--table",
    "table_file",
    type=File,
    help="Table of the device they are for.  [default: that of the search]",
)
gate_options = options(
    click.option(
        "--max-accuracy-drop", type=float, help="Most points lost to quantization."
    ),
    click.option(
        "--max-latency-error", type=float, help="Most per cent off the prediction."
    ),
    click.option(
        "--require-full-int8",
        is_flag=True,
        help="Refuse what is not int8, or not whole on the accelerator.",
    ),
)
target_options = options(
    click.option("--target", default="cpu", show_default=True, help="Its address."),
    click.option(
        "--threads", type=Count, default=1, show_default=True, help="CPU threads."
    ),
    click.option("--system-config", help="Ethos-U: vela's name of clock and memories."),
    click.option("--memory-mode", help="Ethos-U: where weights and activations lie."),
    click.option("--python", help="ssh: the board's Python.  [default: python3]"),
    click.option("--remote-folder", help="ssh, adb: folder there that may be used."),
    click.option("--benchmark-binary", help="adb: a benchmark_model for the phone."),
    click.option("--taskset", help="adb: hexadecimal mask of cores, such as f0."),
    click.option("--delegate", help="ssh, edgetpu@ssh: library there."),
)
space_option = click.option(
    "--space", help="TOML or JSON file, name such as mobilenet_v2, or module:Class."
)
skip_option = click.option(
    "--skip-bad-images",
    is_flag=True,
    help="Leave out images of a folder that cannot be read.",
)


def make_gates(
    max_accuracy_drop: float | None,
    max_latency_error: float | None,
    require_full_int8: bool,
) -> "Gates":
    """The gates that `gate_options` asked for."""
    from tfnas.deploy.gates import Gates

    return Gates(
        accuracy_drop=max_accuracy_drop,
        latency_error=max_latency_error,
        full_int8=require_full_int8,
    )


def parse_shape(text: str | None) -> tuple[int, int, int] | None:
    """The height, width and channels of an `--input`, where one was given.

    Raises:
        SettingsError: If it is written otherwise.
    """
    if text is None:
        return None
    try:
        height, width, channels = (int(word) for word in text.lower().split("x"))
    except ValueError:
        raise SettingsError(
            f"--input {text}: write height x width x channels, as 28x28x1"
        ) from None
    if min(height, width, channels) < 1:
        raise SettingsError(f"--input {text}: every number must be 1 or more")
    return height, width, channels


def load_tensorflow() -> None:
    """Import what takes seconds, without its notices."""
    from tfnas.support.quiet import quiet

    with quiet():
        import_module("tensorflow")
        import_module("keras")


def given(**values: Any) -> dict[str, Any]:
    """The options that were given; those that were not are None, flags False."""
    return {k: v for k, v in values.items() if v is not None and v is not False}


def show(result: Any, text: str, as_json: bool) -> None:
    """Print a result on stdout: for machines, or for people."""
    click.echo(json.dumps(result, indent=1) if as_json else text)
