"""`tfnas search`."""

from pathlib import Path
from typing import Any

import click

from tfnas.cli.options import (
    Count,
    File,
    OneOf,
    as_json,
    given,
    load_tensorflow,
    options,
    overwrite_option,
    parse_shape,
    show,
    skip_option,
    space_option,
)


@click.command()
@click.option(
    "--data",
    help="Dataset, folder, .npz, tfds:NAME or module:function.  "
    "[default: fashion_mnist]",
)
@click.option(
    "--input",
    "shape",
    help="What images are resized to, such as 32x32x3.  [default: as the first one]",
)
@click.option("--table", "table_file", type=File, help="Latency table to price with.")
@space_option
@click.option("--config", type=File, help="TOML file of settings.")
@click.option("--epochs", type=int, help="Passes over the data.")
@click.option("--batch-size", type=int, help="Images per step.")
@click.option("--mode", type=OneOf(["sampled", "soft"]), help="Ops run per choice.")
@click.option("--order", type=click.IntRange(1, 2), help="2: unrolled, as in DARTS.")
@click.option("--hypernetwork", type=OneOf(["pivot", "mlp"]), help="Its kind.")
@click.option(
    "--sampler",
    type=OneOf(["gumbel", "dirichlet", "fixed"]),
    help="How points are drawn.",
)
@click.option("--focus", help="Point that they favour, such as 0.5,0.3,0.2.")
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
@options(skip_option, overwrite_option, as_json)
def search(
    shape: str | None,
    table_file: Path | None,
    space: str | None,
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
    from tfnas.workflow import Inputs, Launch, resume_search, start_search

    launch, input_shape = Launch(strategy, keep), parse_shape(shape)
    if resume:
        others = {"table": table_file, "space": space, "config": config}
        wanted = given(**settings, **others, input=shape, overwrite=overwrite)
        run = resume_search(name, wanted, launch)
    else:
        inputs = Inputs(given(**settings), config, table_file, space, name, input_shape)
        run = start_search(inputs, launch, overwrite=overwrite)
    state = run.load_state()
    seconds = state.search_seconds
    result = {"run": str(run.path), "epochs": state.epochs, "search_seconds": seconds}
    text = f"Searched {state.epochs} epochs in {seconds:.0f} s: {run.path}"
    show(result, text, as_json)
