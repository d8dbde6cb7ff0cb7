"""What one command does: find table, data and run, then hand over to one stage."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfnas.data.load import load_source
from tfnas.errors import SettingsError
from tfnas.latency.profile import profile_to_file
from tfnas.latency.store import TABLES, newest_table
from tfnas.latency.table_file import read_table
from tfnas.search.distribute import is_chief, make_strategy
from tfnas.search.run import Run, find_run, new_run
from tfnas.search.settings import SearchConfig
from tfnas.search.stage import run_search
from tfnas.spaces.load import is_for_any_images, read_space
from tfnas.support.progress import say
from tfnas.targets.registry import get_target

if TYPE_CHECKING:
    from tfnas.data.dataset import Dataset
    from tfnas.latency.table import LatencyTable
    from tfnas.spaces.space import Space

RUNS, HOST = Path("runs"), "cpu"


@dataclass(frozen=True)
class Inputs:
    """What a search may be given; everything has a default.

    Attributes:
        settings: Settings that were named one by one.
        config: File of settings.
        table: Latency table to price with.
        space: A space by name: a preset, a kind, a file, or `package.module:Class`.
        run: Name of the run.
        input_shape: What images are resized to: height, width and channels.
    """

    settings: Mapping[str, Any]
    config: Path | None = None
    table: Path | None = None
    space: str | None = None
    run: str | None = None
    input_shape: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Task:
    """What is searched.

    Attributes:
        config: Settings.
        table: Latency table to price with; None where it is to be found or measured.
        space: The space.
        data: Its images and classes.
    """

    config: SearchConfig
    table: "LatencyTable | None"
    space: "Space"
    data: "Dataset"


def gather(inputs: Inputs) -> Task:
    """Load what is named, and see that it belongs together.

    Images have the shape of the table's space, or of that of a file or class. Where
    there is none, the space gets their classes, and the shape that is asked for or that
    of the first image.

    Raises:
        TfnasError: If something cannot be read, or does not fit the rest.
    """
    base = SearchConfig.load(inputs.config) if inputs.config else SearchConfig()
    config = SearchConfig.from_dict({**asdict(base), **inputs.settings})
    table = _named_table(inputs, inputs.table) if inputs.table else None
    if table:
        space, data = table.space, load_source(config.source, table.space.input_shape)
    else:
        space, data = _space_and_data(inputs, config)
    data.require(space.input_shape, space.num_classes)
    config.focus_point(space.axes)  # a wrong one is said before anything is measured
    return Task(config, table, space, data)


def _named_table(inputs: Inputs, path: Path) -> "LatencyTable":
    """The table, which must be of the space and the shape that are named."""
    name, shape, named = inputs.space, inputs.input_shape, None
    if name and not is_for_any_images(name):
        named = read_space(name, input_shape=shape)
    table = read_table(path, named=named)
    known = table.space
    if name and named is None:
        named = read_space(
            name, input_shape=known.input_shape, num_classes=known.num_classes
        )
    if named:
        table.require(named)
    if shape not in (None, known.input_shape):
        raise SettingsError(
            f"--input {shape}, but the table is for images of {known.input_shape}. "
            "Leave one of them out."
        )
    return table


def _space_and_data(inputs: Inputs, config: SearchConfig) -> "tuple[Space, Dataset]":
    name, shape = inputs.space, inputs.input_shape
    if not is_for_any_images(name):
        space = read_space(name, input_shape=shape)
        return space, load_source(config.source, space.input_shape)
    data = load_source(config.source, shape)
    shape, classes = shape or data.input_shape, len(data.classes)
    return read_space(name, input_shape=shape, num_classes=classes), data


@dataclass(frozen=True)
class Launch:
    """How a search runs this time; a run does not remember it.

    Attributes:
        strategy: `single`, `mirrored` or `multiworker`.
        keep: Checkpoints to keep.
    """

    strategy: str = "single"
    keep: int = 1


def start_search(
    inputs: Inputs, launch: Launch = Launch(), *, overwrite: bool = False
) -> Run:
    """Search a new family; profile this machine first where no table fits.

    Raises:
        TfnasError: If inputs do not fit each other, or the run exists.
        KeyboardInterrupt: After Ctrl-C, when everything is saved.
    """
    if launch.strategy == "multiworker" and not (inputs.table and inputs.run):
        raise SettingsError(
            "--strategy multiworker needs --table and --run, the same on every worker"
        )
    strategy = make_strategy(launch.strategy)
    task = gather(inputs)
    for remark in task.space.remarks():
        say(remark)
    table = task.table or _newest(task.space)
    default = f"{task.data.name}-{table.target if table else HOST}"
    # Workers that are not the chief join the run that the chief makes.
    replaces = overwrite or not is_chief(strategy)
    run = new_run(RUNS, inputs.run, default, overwrite=replaces)
    table = table or _measured(task.space, overwrite)
    with _saying_how_to_go_on(run, launch):
        run_search(
            task.config,
            table,
            task.data,
            run,
            strategy=strategy,
            keep=launch.keep,
            overwrite=overwrite,
        )
    return run


def resume_search(
    name: str | None, settings: Mapping[str, Any], launch: Launch = Launch()
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
    strategy = make_strategy(launch.strategy)
    run = find_run(RUNS, name)
    config, table = run.load_config(), run.load_table()
    data = load_source(config.source, table.space.input_shape)
    with _saying_how_to_go_on(run, launch):
        run_search(config, table, data, run, strategy=strategy, keep=launch.keep)
    return run


@contextmanager
def _saying_how_to_go_on(run: Run, launch: Launch) -> Iterator[None]:
    """Where Ctrl-C ends a search that came further, say how to go on with it."""
    before = run.load_state()
    try:
        yield
    except KeyboardInterrupt:
        if (state := run.load_state()) != before:
            options = f"--strategy {launch.strategy} --keep {launch.keep}"
            say(
                f"Saved at {state}. Go on with: "
                f"tfnas search --resume --run {shlex.quote(run.path.name)} {options}"
            )
        raise


def _newest(space: "Space") -> "LatencyTable | None":
    found = newest_table(TABLES, space, get_target(HOST).device)
    if found:
        say(f"Pricing with {found}")
    return read_table(found, named=space) if found else None


def _measured(space: "Space", overwrite: bool) -> "LatencyTable":
    say("No table fits this space and this machine: profiling the host first")
    # A table of an earlier version may lie in its place.
    return profile_to_file(space, get_target(HOST), overwrite=overwrite)[0]
