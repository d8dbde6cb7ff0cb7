"""What one command does: find table, data and run, then hand over to one stage."""

import random
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfnas.config import TrainConfig
from tfnas.data import load
from tfnas.distribute import is_chief, make_strategy
from tfnas.errors import SettingsError
from tfnas.export import export_member, require_possible, untrained_bytes
from tfnas.extremes import ranges
from tfnas.files import refuse_overwrite
from tfnas.inputs import Inputs, gather
from tfnas.limits import Request
from tfnas.profiling import profile, random_architecture
from tfnas.progress import say
from tfnas.runs import Run, find_run, new_run
from tfnas.searching import run_search
from tfnas.selection import Selector
from tfnas.space import CellSpace
from tfnas.table import LatencyTable
from tfnas.tables import newest_table, slug, table_path
from tfnas.targets import Target, get_target
from tfnas.train import named_weights

TABLES = Path("tflite_tables")
RUNS = Path("runs")


def profile_to_file(
    space: CellSpace,
    device: Target,
    path: Path | None = None,
    *,
    runs: int = 50,
    warmup: int = 10,
    overwrite: bool = False,
) -> tuple[LatencyTable, Path]:
    """Measure a space and write its table; go on where an interrupted call was.

    Args:
        space: What is measured.
        device: Where.
        path: The table; named after target and space by default.
        runs: Timed runs of an item in each round.
        warmup: Runs before them.
        overwrite: Replace a table, and a journal of other settings.

    Returns:
        The table and its path.

    Raises:
        TfnasError: If the table exists and `overwrite` is false.
    """
    path = path or table_path(TABLES, device.name, device.device, space)
    refuse_overwrite(path, overwrite)
    journal = path.with_name(f".{path.name}.partial")
    table = profile(
        space, device, runs=runs, warmup=warmup, journal=journal, overwrite=overwrite
    )
    table.save(path)
    journal.unlink()
    return table, path


@dataclass(frozen=True)
class Manner:
    """How a search runs, this time; a run does not remember it.

    Attributes:
        strategy: `single`, `mirrored` or `multiworker`.
        keep: Checkpoints to keep.
    """

    strategy: str = "single"
    keep: int = 1


def start_search(
    inputs: Inputs, manner: Manner = Manner(), *, overwrite: bool = False
) -> Run:
    """Search a new family; profile this machine first where no table fits.

    Raises:
        TfnasError: If inputs do not fit each other, or the run exists.
        KeyboardInterrupt: After Ctrl-C, when everything is saved.
    """
    if manner.strategy == "multiworker" and not (inputs.table and inputs.run):
        raise SettingsError(
            "--strategy multiworker needs --table and --run, the same on every worker"
        )
    strategy = make_strategy(manner.strategy)
    task = gather(inputs)
    priced_on = slug(task.table.target if task.table else "cpu")
    default = f"{slug(task.data.name)}-{priced_on}"
    # Workers that are not the chief join the run that the chief makes.
    replaces = overwrite or not is_chief(strategy)
    run = new_run(RUNS, inputs.run, default, overwrite=replaces)
    table = task.table or _newest_or_measured(task.space, overwrite)
    _searched(
        *(task.config, table, task.data, run),
        manner=manner,
        strategy=strategy,
        overwrite=overwrite,
    )
    return run


def resume_search(
    name: str | None, settings: Mapping[str, Any], manner: Manner = Manner()
) -> Run:
    """Go on with a run, the newest by default, with the settings it has.

    Raises:
        SettingsError: If other settings are asked for.
        RunError: If there is no such run.
        KeyboardInterrupt: After Ctrl-C, when everything is saved.
    """
    if settings:
        raise SettingsError(
            "--resume goes on with the run's own settings: leave out "
            f"{', '.join(settings)}"
        )
    strategy = make_strategy(manner.strategy)
    run = find_run(RUNS, name)
    config, table = run.load_config(), run.load_table()
    data = load(config.data, table.space.input_shape, config.skip_bad_images)
    _searched(config, table, data, run, manner=manner, strategy=strategy)
    return run


def _searched(*stages: Any, manner: Manner, **settings: Any) -> None:
    run = stages[-1]
    before = run.load_state()
    try:
        run_search(*stages, keep=manner.keep, **settings)
    except KeyboardInterrupt:
        if (state := run.load_state()) != before:
            options = f"--strategy {manner.strategy} --keep {manner.keep}"
            say(
                f"Saved at {state}. Go on with: "
                f"tfnas search --resume --run {shlex.quote(run.path.name)} {options}"
            )
        raise


def export_requested(
    run: Run,
    requests: list[Request],
    config: TrainConfig,
    *,
    table: LatencyTable | None = None,
    source: str | None = None,
    skip_bad_images: bool = False,
    overwrite: bool = False,
) -> list[dict[str, Any]]:
    """Export a member for every request.

    Args:
        run: A searched run.
        requests: Points of the simplex, limits, or both.
        config: How members are trained.
        table: Prices of the device they are for; those of the search by default.
        source: Data; that of the search by default.
        skip_bad_images: Leave out images of a folder that cannot be read.
        overwrite: Replace earlier exports.

    Returns:
        The cards.

    Raises:
        LimitError: If no member keeps the limits of a request.
    """
    selector = Selector(run, table, skip_bad_images)
    for request in requests:
        require_possible(selector.table, request.limits, config)
    members = [selector.take(request) for request in requests]
    shape, searched = selector.search.space.input_shape, run.load_config()
    data = load(source, shape, skip_bad_images) if source else selector.data
    weights = None if config.from_scratch else named_weights(selector.search.supernet)
    return [
        export_member(
            *(member, data, config, run),
            weights=weights,
            source=source or searched.data,
            skip_bad_images=skip_bad_images
            or (not source and searched.skip_bad_images),
            overwrite=overwrite,
        )
        for member in members
    ]


def show_family(
    run: Run,
    table: LatencyTable | None,
    points: int | None,
    scored: int | None,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """The front of a run's family, and what its space costs.

    Args:
        run: A searched run.
        table: Prices of another device.
        points: Points of the simplex to look at.
        scored: Members to score.
        overwrite: Replace the file where it holds others.

    Returns:
        The file, the ranges of the space, counts, and the front with bytes of each.
    """
    selector = Selector(run, table)
    family = selector.family(points, scored, overwrite=overwrite)
    members = [
        selector.member(member, family.members[member], Request(family.members[member]))
        for member in family.front
    ]
    front = [
        {**member.facts(), **untrained_bytes(member), "score": family.scores[one]}
        for one, member in zip(family.front, members, strict=True)
    ]
    return {
        "family": str(selector.path),
        "target": selector.table.target,
        "table_kind": selector.table.kind,
        "ranges": space_ranges(selector.table),
        "points": family.points,
        "members": len(family.members),
        "scored": len(family.scores),
        "front": front,
    }


def load_table(path: Path | None) -> LatencyTable | None:
    """The table of a file, where one is named."""
    return LatencyTable.load(path) if path else None


def space_ranges(table: LatencyTable) -> dict[str, Any]:
    """What networks of a table's space cost, before any search."""
    return ranges(table, partial(random_architecture, table.space, random.Random(0)))


def _newest_or_measured(space: CellSpace, overwrite: bool) -> LatencyTable:
    host = get_target("cpu")
    found = newest_table(TABLES, space, host.device)
    if found:
        say(f"Pricing with {found}")
        return LatencyTable.load(found)
    say("No table fits this space and this machine: profiling the host first")
    # A table of an earlier version may lie in its place.
    return profile_to_file(space, host, overwrite=overwrite)[0]
