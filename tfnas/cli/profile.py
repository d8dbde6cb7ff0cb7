"""`tfnas profile`."""

from pathlib import Path

import click

from tfnas.cli.options import (
    Count,
    File,
    as_json,
    given,
    load_tensorflow,
    options,
    overwrite_option,
    parse_shape,
    show,
    skip_option,
    space_option,
    target_options,
)
from tfnas.errors import SettingsError


@click.command()
@space_option
@click.option("--input", "shape", help="Height x width x channels, such as 28x28x1.")
@click.option("--classes", type=int, help="Number of classes.")
@click.option("--data", help="Images that tell both, whatever --space says of them.")
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
    "--output", type=File, help="Table to write.  [default: tflite_tables/...]"
)
@options(target_options, skip_option, overwrite_option, as_json)
def profile(
    target: str,
    space: str | None,
    shape: str | None,
    classes: int | None,
    data: str | None,
    runs: int,
    warmup: int,
    threads: int,
    output: Path | None,
    skip_bad_images: bool,
    overwrite: bool,
    as_json: bool,
    **device_options: str | None,
) -> None:
    """Measure every op of a space on a device, into a latency table.

    Interrupted, the same command goes on with what is missing.
    """
    if data and classes:
        raise SettingsError("--data tells the number of classes: leave out --classes")
    from tfnas.spaces.load import read_space
    from tfnas.targets.registry import get_target

    size = parse_shape(shape)
    chosen = read_space(space, input_shape=size, num_classes=classes)
    taken = given(**device_options)
    device = get_target(target, threads=threads, options=taken, typed=True)
    load_tensorflow()
    from tfnas.cli.texts import table_text
    from tfnas.data.load import load
    from tfnas.latency.profile import profile_to_file
    from tfnas.latency.rounds import Timing
    from tfnas.support.progress import say

    if data:
        images = load(data, size, skip_bad_images, typed=True)
        size, classes = size or images.input_shape, len(images.classes)
        chosen = read_space(space, input_shape=size, num_classes=classes)
        images.require(chosen.input_shape, chosen.num_classes)
    for remark in chosen.remarks():
        say(remark)
    table, path = profile_to_file(
        chosen, device, output, timing=Timing(runs, warmup), overwrite=overwrite
    )
    result = {"table": str(path), **table.summary()}
    show(result, f"{path}: {table_text(table)}", as_json)
