"""`tfnas derive` and `tfnas export`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfnas.commands.shared import (
    File,
    as_json,
    at_budget,
    given,
    load_tensorflow,
    of_run,
    options,
    overwriting,
    show,
)

if TYPE_CHECKING:
    from tfnas.runs import Run
    from tfnas.simplex import Budget


@click.command()
@options(of_run, at_budget, as_json)
def derive(name: str | None, budgets: tuple[str, ...], as_json: bool) -> None:
    """Show what a budget would give, without training."""
    run, points = _run_and_points(name, budgets)
    load_tensorflow()
    from tfnas.cards import member_line
    from tfnas.member import Member
    from tfnas.searching import load_search

    family = load_search(run)
    facts = [Member(family.derive(p), p, family.table).facts() for p in points]
    show(facts, "\n".join(member_line(fact) for fact in facts), as_json)


@click.command()
@options(of_run, at_budget)
@click.option("--data", help="Dataset, folder or .npz.  [default: that of the search]")
@click.option("--config", type=File, help="TOML file of settings.")
@click.option("--epochs", type=int, help="Passes over the training set.")
@click.option("--batch-size", type=int, help="Images per step.")
@click.option(
    "--from-scratch", is_flag=True, default=None, help="Do not start from the supernet."
)
@click.option("--seed", type=int, help="Seed of everything random.")
@click.option("--max-size", help="Largest model_int8.tflite, such as 60KiB.")
@click.option("--max-arena", help="Most RAM for activations, such as 128KiB.")
@options(overwriting, as_json)
def export(
    name: str | None,
    budgets: tuple[str, ...],
    data: str | None,
    config: Path | None,
    max_size: str | None,
    max_arena: str | None,
    overwrite: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train, quantize and check the network of a budget."""
    from tfnas.config import TrainConfig
    from tfnas.limits import Limits
    from tfnas.units import BYTES, parse_quantity

    texts = given(size_bytes=max_size, arena_bytes=max_arena)
    limits = Limits(**{k: parse_quantity(text, BYTES) for k, text in texts.items()})
    run, points = _run_and_points(name, budgets)
    base = TrainConfig.load(config) if config else TrainConfig()
    chosen = TrainConfig.from_dict({**asdict(base), **given(**settings)})
    load_tensorflow()
    from tfnas.cards import sentence
    from tfnas.workflow import export_points

    cards = export_points(
        *(run, points, chosen), limits=limits, source=data, overwrite=overwrite
    )
    text = "\n".join(f"{sentence(card)}\n  {card['folder']}" for card in cards)
    show(cards, text, as_json)


def _run_and_points(
    name: str | None, budgets: tuple[str, ...]
) -> tuple["Run", list["Budget"]]:
    from tfnas.runs import find_run
    from tfnas.simplex import parse_budget

    run = find_run(Path("runs"), name)
    run.load_config()  # a run of another version says so before its table does
    ops = run.load_table().space.ops
    return run, [parse_budget(text, ops) for text in budgets]
