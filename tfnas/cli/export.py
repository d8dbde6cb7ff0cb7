"""`tfnas derive` and `tfnas export`: members of a run, by points or by limits."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfnas.cli.options import (
    File,
    OneOf,
    as_json,
    gate_options,
    given,
    load_tensorflow,
    make_gates,
    options,
    overwrite_option,
    run_option,
    show,
    skip_option,
    table_option,
)
from tfnas.errors import SettingsError
from tfnas.support.units import BYTES, COUNTS, MILLISECONDS, parse_quantity

if TYPE_CHECKING:
    from tfnas.family.limits import Request
    from tfnas.search.run import Run


request_options = options(
    click.option(
        "--budget",
        "budgets",
        multiple=True,
        help="Price of each kind of op: 0.3,0.5,0.2 or sep_conv_3x3=0.7. Repeatable.",
    ),
    click.option(
        "--strength",
        type=float,
        help="Multiplies all prices of --budget: more is faster.  [default: 1]",
    ),
    click.option(
        "--max-latency",
        "latencies",
        multiple=True,
        help="Most time, such as 2ms or 800us. Repeatable.",
    ),
    click.option("--max-params", help="Most parameters, such as 50k."),
    click.option("--max-size", help="Largest model_int8.tflite, such as 60KiB."),
    click.option("--max-arena", help="Most RAM for activations, such as 128KiB."),
)
# The arguments that these options become; of limits, the field and the units.
_LIMITS = {
    "max_params": ("params", COUNTS),
    "max_size": ("size_bytes", BYTES),
    "max_arena": ("arena_bytes", BYTES),
}
_REQUEST = ("budgets", "strength", "latencies", *_LIMITS)


@click.command()
@options(run_option, request_options, table_option, as_json)
def derive(
    name: str | None, table_file: Path | None, as_json: bool, **wanted: Any
) -> None:
    """Show what budgets or limits would give, without making it."""
    run, requests = _run_and_requests(name, wanted)
    load_tensorflow()
    from tfnas.cli.texts import member_line
    from tfnas.family.member import require_untrained
    from tfnas.family.selector import Selector

    selector = Selector(run, run.load_other_table(table_file))
    members = [selector.take(request) for request in requests]
    for member in members:
        if member.by_point:  # what limits alone chose was looked at
            require_untrained(member)
    facts = [member.facts() for member in members]
    show(facts, "\n".join(member_line(fact) for fact in facts), as_json)


@click.command()
@options(run_option, request_options, table_option)
@click.option(
    "--data",
    help="Dataset, folder, .npz, tfds:NAME or module:function.  "
    "[default: that of the search]",
)
@click.option("--config", type=File, help="TOML file of settings.")
@click.option("--epochs", type=int, help="Passes over the training set.")
@click.option("--batch-size", type=int, help="Images per step.")
@click.option(
    "--from-scratch", is_flag=True, default=None, help="Do not start from the supernet."
)
@click.option("--seed", type=int, help="Seed of everything random.")
@click.option(
    "--quantize",
    type=OneOf(["auto", "int8", "dynamic", "float16", "float32"]),
    help="Precision; auto: int8, trained where that costs accuracy.  [default: auto]",
)
@click.option("--qat", is_flag=True, help="Train for an epoch with int8 in the loop.")
@options(gate_options, skip_option, overwrite_option, as_json)
def export(
    name: str | None,
    table_file: Path | None,
    data: str | None,
    config: Path | None,
    max_accuracy_drop: float | None,
    max_latency_error: float | None,
    require_full_int8: bool,
    qat: bool,
    skip_bad_images: bool,
    overwrite: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train, quantize and check the networks of budgets or limits."""
    from tfnas.data.source import Source
    from tfnas.deploy.settings import TrainConfig

    gates = make_gates(max_accuracy_drop, max_latency_error, require_full_int8)
    wanted = {key: settings.pop(key) for key in _REQUEST}
    run, requests = _run_and_requests(name, wanted)
    base = TrainConfig.load(config) if config else TrainConfig()
    if qat and settings["quantize"]:
        raise SettingsError("--qat is int8: leave out --quantize")
    settings["quantize"] = "qat" if qat else settings["quantize"]
    settings["max_accuracy_drop"] = max_accuracy_drop
    chosen = TrainConfig.from_dict({**asdict(base), **given(**settings)})
    load_tensorflow()
    from tfnas.deploy.card import sentence
    from tfnas.deploy.export import export as exported

    source = Source(data, typed=True) if data else run.load_config().source
    cards = exported(
        run,
        requests,
        chosen,
        table=run.load_other_table(table_file),
        source=source.skipping(skip_bad_images),
        overwrite=overwrite,
    )
    text = "\n".join(f"{sentence(card)}\n  {card['folder']}" for card in cards)
    show(cards, text, as_json)
    gates.require(cards)


def _run_and_requests(
    name: str | None, wanted: Mapping[str, Any]
) -> tuple["Run", list["Request"]]:
    """The run, and what the options of `request_options` ask of it."""
    from tfnas.family.limits import Limits, combine
    from tfnas.search.run import find_run
    from tfnas.spaces.simplex import Point, parse_budget

    limits = {
        field: parse_quantity(wanted[option], units)
        for option, (field, units) in _LIMITS.items()
        if wanted[option] is not None
    }
    times_ms = [parse_quantity(text, MILLISECONDS) for text in wanted["latencies"]]
    run = find_run(Path("runs"), name)
    run.load_config()  # a run of another version says so before its table does
    axes, strength = run.load_table().space.axes, wanted["strength"]
    if strength is not None and not wanted["budgets"]:
        raise SettingsError("--strength goes with --budget: limits find their own")
    points = [
        Point(parse_budget(text, axes), 1.0 if strength is None else strength)
        for text in wanted["budgets"]
    ]
    return run, combine(points, times_ms, Limits(**limits))
