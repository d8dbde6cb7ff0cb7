"""`tfnas benchmark`."""

from pathlib import Path

import click

from tfnas.cli.options import (
    Count,
    File,
    as_json,
    given,
    load_tensorflow,
    options,
    show,
    skip_option,
    target_options,
)
from tfnas.errors import ModelError


@click.command()
@click.argument("models", nargs=-1, required=True, type=File)
@click.option("--data", help="Dataset, folder or .npz whose test images to classify.")
@click.option(
    "--runs", type=Count, default=50, show_default=True, help="Timed runs in a round."
)
@click.option(
    "--warmup", type=Count, default=10, show_default=True, help="Runs before them."
)
@options(skip_option, target_options, as_json)
def benchmark(
    models: tuple[Path, ...],
    data: str | None,
    runs: int,
    warmup: int,
    skip_bad_images: bool,
    target: str,
    threads: int,
    as_json: bool,
    **device_options: str | None,
) -> None:
    """Set any .tflite MODELS side by side on a device."""
    from tfnas.targets.registry import get_target

    flatbuffers = {str(path): _read(path) for path in models}
    taken = given(**device_options)
    device = get_target(target, threads=threads, options=taken, typed=True)
    load_tensorflow()
    from tfnas.cli.texts import benchmark_text
    from tfnas.data.load import load
    from tfnas.deploy.benchmark import benchmark as measured
    from tfnas.latency.rounds import Timing
    from tfnas.tflite.interpreter import TfliteModel

    shape = TfliteModel(next(iter(flatbuffers.values()))).input_shape if data else None
    images = load(data, shape, skip_bad_images, typed=True) if data else None
    rows = measured(flatbuffers, device, images, Timing(runs, warmup))
    show(rows, benchmark_text(rows), as_json)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"Cannot read {path}: {error.strerror}") from error
