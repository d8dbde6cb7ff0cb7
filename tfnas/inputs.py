"""What a search may be given, and the task that it comes to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfnas.config import SearchConfig
from tfnas.data import Dataset, load
from tfnas.errors import SettingsError
from tfnas.space import CellSpace, read_space
from tfnas.table import LatencyTable


@dataclass(frozen=True)
class Inputs:
    """What a search may be given; everything has a default.

    Attributes:
        settings: Settings that were named one by one.
        config: File of settings.
        table: Latency table to price with.
        space: File of a space.
        run: Name of the run.
        input_shape: What images are resized to: height, width and channels.
    """

    settings: Mapping[str, Any]
    config: Path | None = None
    table: Path | None = None
    space: Path | None = None
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
    table: LatencyTable | None
    space: CellSpace
    data: Dataset


def gather(inputs: Inputs) -> Task:
    """Load what is named, and see that it belongs together.

    Images have the shape of the table's or the file's space; where there is neither,
    the default space gets the shape that is asked for, or that of the first image.

    Raises:
        TfnasError: If something cannot be read, or fits not the rest.
    """
    base = SearchConfig.load(inputs.config) if inputs.config else SearchConfig()
    config = SearchConfig.from_dict({**asdict(base), **inputs.settings})
    table = LatencyTable.load(inputs.table) if inputs.table else None
    known, shape = table.space if table else None, inputs.input_shape
    if inputs.space:
        known = read_space(inputs.space, input_shape=shape)
    if table and known:
        table.require(known)
    if known and shape not in (None, known.input_shape):
        raise SettingsError(
            f"--input {shape}, but the table is for images of {known.input_shape}. "
            "Leave one of them out."
        )
    shape = known.input_shape if known else shape
    data = load(config.data, shape, config.skip_bad_images)
    space = known or read_space(
        None, input_shape=shape or data.input_shape, num_classes=len(data.classes)
    )
    data.require(space)
    return Task(config, table, space, data)
