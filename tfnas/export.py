"""A point of the simplex -> a folder with the trained, quantized, checked network."""

import hashlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfnas.architecture import Architecture
from tfnas.callbacks import Progress
from tfnas.config import TrainConfig
from tfnas.costs import op_params
from tfnas.data import Dataset
from tfnas.errors import RunError, TargetError
from tfnas.files import (
    read_json,
    refuse_overwrite,
    replace_file,
    write_bytes,
    write_json,
    write_text,
)
from tfnas.measurement import UNUSABLE, Measurement
from tfnas.network import build, count_macs
from tfnas.progress import say
from tfnas.quantize import int8_accuracy, quantize
from tfnas.runs import Run
from tfnas.simplex import Budget, describe_budget
from tfnas.table import LatencyTable
from tfnas.targets import same_target, target_class
from tfnas.train import Weights, accuracy, train_member

_RUNS, _WARMUP = 50, 10
_PACKAGES = ("tfnas", "tensorflow", "keras", "ai-edge-litert", "numpy")


def member_facts(
    architecture: Architecture, table: LatencyTable, budget: Budget
) -> dict[str, Any]:
    """What is known of a member before it is trained: the card's first half.

    Args:
        architecture: The member.
        table: Prices of the target.
        budget: The point it was derived at.
    """
    space, model = architecture.space, build(architecture)
    prediction = table.predict(architecture)
    return {
        "budget": dict(zip(space.ops, budget, strict=True)),
        "budget_means": describe_budget(budget, space.ops),
        "limits": {},
        "architecture": architecture.to_dict()["ops"],
        "op_counts": architecture.op_counts,
        "params": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
        "op_params": sum(op_params(site) for site in architecture.sites),
        "macs": count_macs(model),
        "predicted_latency_ms": prediction.latency_ms,
        "predicted_low_ms": prediction.low_ms,
        "predicted_high_ms": prediction.high_ms,
        "target": table.target,
        "table_kind": table.kind,
        "searched_for": {"target": table.target, **table.device},
    }


def member_name(budget: Budget) -> str:
    """Folder name of the member at a point, e.g. `budget-0.3-0.5-0.2`."""
    return "budget-" + "-".join(f"{share:.4g}" for share in budget)


def on_target(
    flatbuffer: bytes, table: LatencyTable
) -> tuple[Measurement | None, dict[str, bytes]]:
    """Compile and measure on the table's own device.

    Args:
        flatbuffer: The int8 .tflite.
        table: Says which device.

    Returns:
        Its times, None where the device is not there; and what its compiler made of the
        model, by file name.
    """
    try:
        device = same_target(table.target, table.device, table.reach)
        compiled = device.compile(flatbuffer)
        blocks = [*device.measure([compiled] * device.rounds, _RUNS, _WARMUP)]
    except TargetError as error:
        say(f"Latency is not measured: {error}")
        return None, {}
    runs_ms = tuple(ms for block in blocks for ms in block.runs_ms)
    files = {f"model_int8_{device.suffix}.tflite": compiled} if device.suffix else {}
    return replace(blocks[0], runs_ms=runs_ms), files


def latency_facts(timed: Measurement | None, kind: str) -> dict[str, Any]:
    """The card's fields about time and memory on the target.

    Args:
        timed: What the target said, None where it is not there.
        kind: Of the table: an estimate is never called measured.
    """
    known = timed and UNUSABLE not in timed.flags
    told = timed.median_ms if timed and known else None
    estimated = kind in ("vendor-estimate", "analytic")
    return {
        "measured_latency_ms": None if estimated else told,
        "estimated_latency_ms": told if estimated else None,
        "latency_flags": [*timed.flags] if timed else [],
        "arena_bytes": timed.arena_bytes if timed else None,
    }


def export_member(
    architecture: Architecture,
    budget: Budget,
    data: Dataset,
    config: TrainConfig,
    run: Run,
    *,
    weights: Weights | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train, quantize, check, measure and write one member.

    Interrupted, it goes on after the last whole epoch, or after training; what was
    exported with the same settings is not exported again.

    Args:
        architecture: The member.
        budget: The point it was derived at.
        data: Gives training, calibration and test images.
        config: How it is trained.
        run: Its `exports` folder takes the member's folder.
        weights: Where training starts from; fresh weights where None.
        overwrite: Replace an export of the same point.

    Returns:
        The card.

    Raises:
        TfnasError: If the point was exported with other settings, or is not all int8.
    """
    data.require(architecture.space)
    table, state = run.load_table(), run.load_state()
    folder = run.exports / member_name(budget)
    made_from = _digest(config.dumps(), architecture.indices, data.name, state.epochs)
    if (card := _exported(folder, made_from)) and not overwrite:
        return card
    refuse_overwrite(folder / "card.json", overwrite)
    one_scale = target_class(table.target).per_tensor_dense
    model, train_seconds = _trained(
        folder / f".training-{made_from}", architecture, data, config, weights
    )
    say("Quantizing and checking on the test set")
    flatbuffer = quantize(model, data, config.seed, per_tensor_dense=one_scale)
    timed, compiled = on_target(flatbuffer, table)
    card = {
        **member_facts(architecture, table, budget),
        "size_bytes": len(flatbuffer),
        "float_accuracy": accuracy(model, data.x_test, data.y_test),
        "int8_accuracy": int8_accuracy(flatbuffer, data.x_test, data.y_test),
        "test_images": len(data.x_test),
        **latency_facts(timed, table.kind),
        "data": data.name,
        "epochs": config.epochs,
        "from_scratch": weights is None,
        "versions": {package: version(package) for package in _PACKAGES},
        "seed": config.seed,
        "search_seconds": state.search_seconds,
        "train_seconds": train_seconds,
        "made_from": made_from,
        "folder": str(folder),
    }
    write_json(folder / "architecture.json", architecture.to_dict())
    replace_file(folder / "model.keras", model.save)
    for name, model_bytes in {"model_int8.tflite": flatbuffer, **compiled}.items():
        write_bytes(folder / name, model_bytes)
    write_text(folder / "card.md", card_text(card))
    write_json(folder / "card.json", card)
    shutil.rmtree(folder / f".training-{made_from}")
    return card


def _digest(*settings: Any) -> str:
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:8]


def _exported(folder: Path, made_from: str) -> dict[str, Any] | None:
    path = folder / "card.json"
    if not path.exists():
        return None
    card: dict[str, Any] = read_json(path, "card", RunError)
    return card if card.get("made_from") == made_from else None


def _trained(
    scratch: Path,
    architecture: Architecture,
    data: Dataset,
    config: TrainConfig,
    weights: Weights | None,
) -> tuple[keras.Model, float]:
    """The trained model and the seconds it took; from `scratch` where that has it."""
    kept, clock = scratch / "model.keras", scratch / "seconds.json"
    if clock.exists():
        return keras.models.load_model(kept), read_json(clock, "clock", RunError)
    backup = scratch / "epochs"
    backup.mkdir(parents=True, exist_ok=True)
    progress = Progress(
        "Train",
        config.epochs,
        lambda logs: f"loss {logs['loss']:.3f}  accuracy {logs['accuracy']:.1%}",
    )
    began = time.monotonic()
    model = train_member(
        architecture,
        data,
        config,
        weights=weights,
        callbacks=[keras.callbacks.BackupAndRestore(str(backup)), progress],
    )
    seconds = time.monotonic() - began
    replace_file(kept, model.save)
    write_json(clock, seconds)
    return model, seconds


def card_text(card: Mapping[str, Any]) -> str:
    """The card for people, in Markdown."""
    shares = ", ".join(f"{op} {share:.3g}" for op, share in card["budget"].items())
    counts = ", ".join(f"{count} {op}" for op, count in card["op_counts"].items())
    measured, estimated = card["measured_latency_ms"], card["estimated_latency_ms"]
    latency = "not measured" if measured is None else f"{measured:.3f} ms"
    if estimated is not None:
        latency = f"not measured; the whole network is estimated at {estimated:.3f} ms"
    rows = {
        "Budget": f"{shares} ({card['budget_means']})",
        "Ops": counts,
        "Parameters": f"{card['params']:,}, of them {card['op_params']:,} in the ops",
        "MACs": f"{card['macs']:,}",
        "Size": f"{card['size_bytes']:,} bytes",
        "Float accuracy": f"{card['float_accuracy']:.2%}",
        "Int8 accuracy": f"{card['int8_accuracy']:.2%}",
        "Predicted latency": f"{card['predicted_latency_ms']:.3f} ms "
        f"({card['predicted_low_ms']:.3f} to {card['predicted_high_ms']:.3f}, 90 %)",
        "Measured latency": latency,
        "Target": f"{card['target']} ({card['table_kind']})",
    }
    if error := card["searched_for"].get("error"):
        rows["Error of the estimate"] = error
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"{sentence(card)}\n\n| | |\n|---|---|\n{table}\n"


def member_line(facts: Mapping[str, Any]) -> str:
    """What is known of an untrained member, in two lines."""
    budget = ",".join(f"{share:.3g}" for share in facts["budget"].values())
    counts = ", ".join(f"{count} {op}" for op, count in facts["op_counts"].items())
    return (
        f"{budget}: {counts}; {facts['params']:,} parameters "
        f"({facts['op_params']:,} in ops); {facts['predicted_latency_ms']:.3f} ms "
        f"({facts['predicted_low_ms']:.3f} to {facts['predicted_high_ms']:.3f})\n"
        f"  {facts['budget_means']}"
    )


def sentence(card: Mapping[str, Any]) -> str:
    """The card in one sentence."""
    counts = " and ".join(
        f"{count} {op}" for op, count in card["op_counts"].items() if count
    )
    predicted = f"{card['predicted_latency_ms']:.3f}"
    if (measured := card["measured_latency_ms"]) is not None:
        latency = f"takes {measured:.3f} ms ({predicted} predicted)"
    elif (estimated := card["estimated_latency_ms"]) is not None:
        latency = f"is estimated to take {estimated:.3f} ms ({predicted} by its sites)"
    else:
        latency = f"is predicted to take {predicted} ms"
    shares = ", ".join(f"{op} {share:.3g}" for op, share in card["budget"].items())
    return (
        f"The network for {shares} has {counts} and {card['params']:,} parameters; it "
        f"classifies {card['int8_accuracy']:.1%} of "
        f"{card['test_images']:,} test images in int8 ({card['float_accuracy']:.1%} in "
        f"float), {latency} on {card['target']} and fills {card['size_bytes']:,} bytes."
    )
