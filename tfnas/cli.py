"""The `tfnas` command: parses arguments, calls the Python API, prints the result."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfnas.errors import SettingsError, TfnasError

if TYPE_CHECKING:
    from tfnas.runs import Run
    from tfnas.simplex import Budget

Count = click.IntRange(min=1)
OneOf = click.Choice
File = click.Path(dir_okay=False, path_type=Path)


class Group(click.Group):
    """Shows a `TfnasError` as one line and exits with code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except TfnasError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. What is done is kept: repeat the command to go on, "
                "a search with --resume.",
                err=True,
            )
            ctx.exit(130)


@click.group(cls=Group)
@click.version_option(package_name="tfnas")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def main(debug: bool) -> None:
    r"""Find networks that are fast on your device; get them as int8 TFLite.

    \b
    tfnas profile                        device -> latency table
    tfnas search                         data + table -> one family of networks
    tfnas export --budget 0.3,0.5,0.2    a point of the simplex -> model_int8.tflite
    """


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
overwriting = click.option("--overwrite", is_flag=True, help="Replace what exists.")
of_run = click.option(
    "--run", "name", help="Name of a run, or its folder; newest first."
)
at_budget = click.option(
    "--budget",
    "budgets",
    multiple=True,
    required=True,
    help="Price of each op: 0.3,0.5,0.2 or sep_conv_3x3=0.7. Repeatable.",
)
of_space = click.option("--space", type=File, help="TOML or JSON file of a cell space.")


@main.command()
@click.option("--target", default="cpu", show_default=True, help="Device to measure.")
@of_space
@click.option("--input", "shape", help="Height x width x channels, such as 28x28x1.")
@click.option("--classes", type=int, help="Number of classes.")
@click.option(
    "--runs",
    type=Count,
    default=50,
    show_default=True,
    help="Timed runs in each round.",
)
@click.option(
    "--warmup", type=Count, default=10, show_default=True, help="Runs before them."
)
@click.option(
    "--threads", type=Count, default=1, show_default=True, help="CPU threads."
)
@click.option(
    "--output", type=File, help="Table to write.  [default: tflite_tables/...]"
)
@options(overwriting, as_json)
def profile(
    target: str,
    space: Path | None,
    shape: str | None,
    classes: int | None,
    runs: int,
    warmup: int,
    threads: int,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Measure every op of a space on a device, into a latency table.

    Interrupted, the same command goes on with what is missing.
    """
    from tfnas.space import read_space
    from tfnas.targets import get_target

    chosen = read_space(space, input_shape=_shape(shape), num_classes=classes)
    device = get_target(target, threads=threads)
    load_tensorflow()
    from tfnas.workflow import profile_to_file

    table, path = profile_to_file(
        chosen, device, output, runs=runs, warmup=warmup, overwrite=overwrite
    )
    result = {"table": str(path), **table.summary()}
    _print(result, f"{path}: {table.in_words()}", as_json)


@main.command()
@click.option("--data", help="Dataset, folder or .npz.  [default: fashion_mnist]")
@click.option("--table", "table_file", type=File, help="Latency table to price with.")
@of_space
@click.option("--config", type=File, help="TOML file of settings.")
@click.option("--epochs", type=int, help="Passes over the data.")
@click.option("--batch-size", type=int, help="Images per step.")
@click.option("--mode", type=OneOf(["sampled", "soft"]), help="Ops run per choice.")
@click.option("--order", type=click.IntRange(1, 2), help="2: unrolled, as in DARTS.")
@click.option("--hypernetwork", type=OneOf(["pivot", "mlp"]), help="Its kind.")
@click.option(
    "--sampler",
    type=OneOf(["gumbel", "dirichlet"]),
    help="How points are drawn.",
)
@click.option(
    "--precision",
    type=OneOf(["float32", "mixed_bfloat16"]),
    help="Of the layers; weights stay float32.",
)
@click.option("--patience", type=int, help="Epochs to wait for a better member.")
@click.option("--seed", type=int, help="Seed of everything random.")
@click.option(
    "--strategy",
    type=OneOf(["single", "mirrored", "multiworker"]),
    default="single",
    show_default=True,
    help="Devices: one, all of this machine, all of TF_CONFIG.",
)
@click.option(
    "--keep", type=Count, default=1, show_default=True, help="Checkpoints to keep."
)
@click.option("--run", "name", help="Name of the run.  [default: DATA-TARGET]")
@click.option("--resume", is_flag=True, help="Go on with a run, the newest by default.")
@options(overwriting, as_json)
def search(
    table_file: Path | None,
    space: Path | None,
    config: Path | None,
    name: str | None,
    resume: bool,
    strategy: str,
    keep: int,
    overwrite: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Search one family of networks, for all budgets at once."""
    load_tensorflow()
    from tfnas.workflow import Inputs, Manner, resume_search, start_search

    manner = Manner(strategy, keep)
    if resume:
        others = {"table": table_file, "space": space, "config": config}
        given = _given(**settings, **others, overwrite=overwrite)
        run = resume_search(name, given, manner)
    else:
        inputs = Inputs(_given(**settings), config, table_file, space, name)
        run = start_search(inputs, manner, overwrite=overwrite)
    state = run.load_state()
    seconds = state.search_seconds
    result = {"run": str(run.path), "epochs": state.epochs, "search_seconds": seconds}
    text = f"Searched {state.epochs} epochs in {seconds:.0f} s: {run.path}"
    _print(result, text, as_json)


@main.command()
@options(of_run, at_budget, as_json)
def derive(name: str | None, budgets: tuple[str, ...], as_json: bool) -> None:
    """Show what a budget would give, without training."""
    run, points = _run_and_points(name, budgets)
    load_tensorflow()
    from tfnas.export import member_facts, member_line
    from tfnas.searching import load_search

    family = load_search(run)
    facts = [member_facts(family.derive(p), family.table, p) for p in points]
    _print(facts, "\n".join(member_line(fact) for fact in facts), as_json)


@main.command()
@options(of_run, at_budget)
@click.option("--data", help="Dataset, folder or .npz.  [default: that of the search]")
@click.option("--config", type=File, help="TOML file of settings.")
@click.option("--epochs", type=int, help="Passes over the training set.")
@click.option("--batch-size", type=int, help="Images per step.")
@click.option(
    "--from-scratch", is_flag=True, default=None, help="Do not start from the supernet."
)
@click.option("--seed", type=int, help="Seed of everything random.")
@options(overwriting, as_json)
def export(
    name: str | None,
    budgets: tuple[str, ...],
    data: str | None,
    config: Path | None,
    overwrite: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train, quantize and check the network of a budget."""
    from tfnas.config import TrainConfig

    run, points = _run_and_points(name, budgets)
    base = TrainConfig.load(config) if config else TrainConfig()
    chosen = TrainConfig.from_dict({**asdict(base), **_given(**settings)})
    load_tensorflow()
    from tfnas.export import sentence
    from tfnas.workflow import export_points

    cards = export_points(run, points, chosen, source=data, overwrite=overwrite)
    text = "\n".join(f"{sentence(card)}\n  {card['folder']}" for card in cards)
    _print(cards, text, as_json)


def load_tensorflow() -> None:
    """Import what takes seconds, without its notices."""
    from tfnas.quiet import quiet

    with quiet():
        import_module("tensorflow")
        import_module("keras")


def _given(**values: Any) -> dict[str, Any]:
    """The options that were given; those that were not are None, flags False."""
    return {k: v for k, v in values.items() if v is not None and v is not False}


def _run_and_points(
    name: str | None, budgets: tuple[str, ...]
) -> tuple["Run", list["Budget"]]:
    from tfnas.runs import find_run
    from tfnas.simplex import parse_budget

    run = find_run(Path("runs"), name)
    run.load_config()  # a run of another version says so before its table does
    ops = run.load_table().space.ops
    return run, [parse_budget(text, ops) for text in budgets]


def _shape(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        height, width, channels = (int(word) for word in text.lower().split("x"))
    except ValueError:
        raise SettingsError(
            f"--input {text}: write height x width x channels, as 28x28x1"
        ) from None
    return height, width, channels


def _print(result: Any, text: str, as_json: bool) -> None:
    click.echo(json.dumps(result, indent=1) if as_json else text)


if __name__ == "__main__":
    sys.exit(main())
