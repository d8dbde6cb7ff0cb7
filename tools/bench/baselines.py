"""A family against networks that people write by hand, each at its own latency.

For every hand-made network: its time on the device of RUN's table, and the member that
`tfnas export --max-latency` takes within that time. Both are trained from scratch by
the same recipe with the same seeds, quantized and measured by the same code, in the
same rounds. A member wins where it is more accurate in no more time, by more than the
standard error of several seeds, or takes at most 0.7 of the time at no less accuracy.
Trained networks are kept: the command goes on where it was, and a further run of the
same data trains its own members alone.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from handmade import HANDMADE
from options import FILE, FOLDER

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.deploy.benchmark import benchmark
from tfnas.deploy.quantize import quantize
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_network
from tfnas.errors import LimitError
from tfnas.family.limits import Limits, Request
from tfnas.family.selector import Selector
from tfnas.latency.table_file import read_table
from tfnas.networks.build import build
from tfnas.search.run import Run
from tfnas.spaces.architecture import Architecture
from tfnas.support.files import replace_file, slug, write_bytes, write_json
from tfnas.targets.registry import same_target, target_class
from tfnas.tflite.interpreter import tflite_accuracy

FASTER = 0.7
Make = Callable[..., Any]


class Trained:
    """Networks as int8 .tflite files, trained where they are not yet.

    A training serves all devices; only its quantization depends on the device.

    Args:
        folder: Keeps them.
        data: What they are trained on, and looked at with.
        configs: One for each seed.
        traits: Of the device they are for.
    """

    def __init__(
        self, folder: Path, data: Dataset, configs: Sequence[TrainConfig], traits: Any
    ) -> None:
        self.folder, self.data, self.configs = folder, data, configs
        self.traits = traits

    def models(self, name: str, make: Make) -> list[bytes]:
        """The .tflite of every seed."""
        return [self._one(name, make, config) for config in self.configs]

    def accuracies(self, models: Sequence[bytes]) -> list[float]:
        """On the test images."""
        x, y = self.data.x_test, self.data.y_test
        return [tflite_accuracy(model, in_order(x, y)) for model in models]

    def _one(self, name: str, make: Make, config: TrainConfig) -> bytes:
        trained = self._kept("keras", name, config)
        kept = self._kept("tflite", name, config, self.traits)
        if not trained.exists():
            click.echo(f"Training {name}, seed {config.seed}", err=True)
            replace_file(trained, train_network(make, self.data, config).save)
        if not kept.exists():
            model = keras.models.load_model(trained)
            made = quantize(model, self.data, config.seed, traits=self.traits)
            write_bytes(kept, made)
            keras.backend.clear_session()
        return kept.read_bytes()

    def _kept(self, kind: str, *facts: Any) -> Path:
        known = repr((*facts, self.data.fingerprint)).encode()
        return self.folder / f"{hashlib.sha256(known).hexdigest()[:16]}.{kind}"


def handmade(name: str, data: Dataset, *, layers: Any = keras.layers) -> Any:
    """A network of a name for the images at hand."""
    classes = len(data.classes)
    return keras.Model(*HANDMADE[name](layers, data.input_shape, classes))


def member_within(selector: Selector, limits: Limits) -> Architecture | None:
    """What `export --max-latency` takes; None where no member keeps the limits."""
    try:
        return selector.take(Request(None, limits)).architecture
    except LimitError:
        return None


def difference(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """Mean difference over seeds in points, and its standard error; 0 of one seed."""
    gains = 100 * np.subtract(ours, theirs)
    spread = gains.std(ddof=1) if len(gains) > 1 else 0.0
    return float(gains.mean()), float(spread / len(gains) ** 0.5)


def verdict(rival: dict[str, Any], ours: Sequence[dict[str, Any]]) -> str:
    """`better`, `faster`, or `lost`."""
    for one in ours:
        time = one["median_ms"] / rival["median_ms"]
        gain, error = difference(one["accuracies"], rival["accuracies"])
        if time <= 1 and gain > error:
            return "better"
        if time <= FASTER and gain >= 0:
            return "faster"
    return "lost"


def compare(
    selector: Selector, trained: Trained, names: Sequence[str], arena: float | None
) -> list[dict[str, Any]]:
    """One row for each hand-made network, with the members that are set against it."""
    table, data = selector.table, trained.data
    device = same_target(table.target, table.device, table.reach)
    files = {
        name: trained.models(name, partial(handmade, name, data)) for name in names
    }
    timed = benchmark({name: files[name][0] for name in names}, device)
    pairs: dict[str, list[str]] = {name: [] for name in names}
    for row in timed:
        for share in (1.0, FASTER):
            limits = Limits(latency_ms=share * row["median_ms"], arena_bytes=arena)
            member = member_within(selector, limits)
            if member is not None:
                key = f"{member.space.fingerprint} {'-'.join(member.ops)}"
                files[key] = trained.models(key, partial(build, member))
                pairs[row["model"]].append(key)
    rows = benchmark({name: made[0] for name, made in files.items()}, device)
    known = {
        row["model"]: {**row, "accuracies": trained.accuracies(files[row["model"]])}
        for row in rows
    }
    return [
        {**known[name], "members": [known[k] for k in pairs[name]]} for name in names
    ]


def told(row: dict[str, Any]) -> str:
    """A row in words, its members beside it."""
    lines = [f"{row['model']}: {_facts(row)}"]
    for member in row["members"]:
        gain, error = difference(member["accuracies"], row["accuracies"])
        lines.append(f"   {_facts(member)}, {gain:+.2f} points ({error:.2f})")
    return "\n".join([*lines, f"   {verdict(row, row['members'])}"])


def _facts(row: dict[str, Any]) -> str:
    right = f"{100 * np.mean(row['accuracies']):.2f} % at {row['median_ms']:.4f} ms"
    arena = row["arena_bytes"]
    ram = "not known" if arena is None else f"{arena:,}"
    return f"{right}, {row['size_bytes']:,} bytes, arena {ram}"


@click.command()
@click.argument("run", type=FOLDER)
@click.option("--epochs", default=10, show_default=True, help="Of every training.")
@click.option("--seeds", default=3, show_default=True, help="Trainings of a network.")
@click.option("--only", multiple=True, type=click.Choice([*HANDMADE]), help="Rivals.")
@click.option("--max-arena", type=float, help="Bytes of RAM that members keep.")
@click.option("--table", type=FILE, help="Of another device, or measured again.")
@click.option("--kept", default="baselines", type=click.Path(path_type=Path))
def main(
    run: Path,
    epochs: int,
    seeds: int,
    only: tuple[str, ...],
    max_arena: float | None,
    table: Path | None,
    kept: Path,
) -> None:
    """Compare the family of RUN with hand-made networks, on RUN's data and device."""
    selector = Selector(Run(run), read_table(table) if table else None)
    configs = [TrainConfig(epochs=epochs, seed=seed) for seed in range(seeds)]
    traits = target_class(selector.table.target).traits
    trained = Trained(kept, selector.data, configs, traits)
    rows = compare(selector, trained, only or [*HANDMADE], max_arena)
    for row in rows:
        print(told(row))
    verdicts = [verdict(row, row["members"]) for row in rows]
    print(json.dumps({kind: verdicts.count(kind) for kind in sorted(set(verdicts))}))
    limited = f"-{max_arena:g}-bytes" if max_arena else ""
    write_json(run / f"baselines-{slug(selector.table.target)}{limited}.json", rows)


if __name__ == "__main__":
    main()
