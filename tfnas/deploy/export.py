"""A point of the simplex -> a folder with the trained, quantized, checked network."""

import hashlib
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.data.load import load
from tfnas.deploy.card import card_text
from tfnas.deploy.check import check
from tfnas.deploy.handover import hand_over
from tfnas.deploy.quantize import AWARE, deploy, missing_for_qat
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.errors import RunError, SettingsError
from tfnas.family.limits import Limits, Request
from tfnas.family.member import Member, require_untrained
from tfnas.family.selector import Selector
from tfnas.latency.device import Place
from tfnas.latency.table import LatencyTable
from tfnas.networks.convert import FLOATS, INT8
from tfnas.networks.evaluate import accuracy
from tfnas.networks.fit import training_progress
from tfnas.networks.weights import Weights, named_weights
from tfnas.search.run import Run
from tfnas.spaces.architecture import Architecture
from tfnas.support.files import (
    read_json,
    refuse_overwrite,
    replace_file,
    write_bytes,
    write_json,
    write_text,
)
from tfnas.support.progress import say
from tfnas.targets.registry import target_class
from tfnas.tflite.metadata import write_metadata

_PACKAGES = ("tfnas", "tensorflow", "keras", "ai-edge-litert", "numpy")


def export_member(
    member: Member,
    data: Dataset,
    config: TrainConfig,
    run: Run,
    *,
    weights: Weights | None = None,
    source: str = "",
    skip_bad_images: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train, quantize, check, measure and write one member.

    Interrupted, it goes on after the last whole epoch, or after training; what was
    exported with the same settings is not exported again.

    Args:
        member: The network, and what it must keep.
        data: Gives training, calibration and test images.
        config: How it is trained.
        run: Its `exports` folder takes the member's folder.
        weights: Where training starts from; fresh weights where None.
        source: What the data was loaded by, for a later check.
        skip_bad_images: Whether some of it was left out.
        overwrite: Replace an export of the same point.

    Returns:
        The card.

    Raises:
        LimitError: If it breaks a limit, before it is trained where that is known.
        TfnasError: If the point was exported with other settings, or is not all int8.
    """
    architecture, table, state = member.architecture, member.table, run.load_state()
    data.require(architecture.space.input_shape, architecture.space.num_classes)
    folder = run.exports / member.name
    made_from = _digest(
        *(config.dumps(), architecture.indices, data.fingerprint, state.epochs),
        *(table.device, member.limits),
    )
    if (card := _exported(folder, made_from)) and not overwrite:
        return card
    refuse_overwrite(folder / "card.json", overwrite)
    require_possible(table, member.limits, config)
    require_untrained(member, config.quantize)
    model, train_seconds = _trained(
        folder / f".training-{made_from}", architecture, data, config, weights
    )
    say("Quantizing and checking on the test set")
    one_scale = target_class(table.target).per_tensor_dense
    made = deploy(model, architecture, data, config, per_tensor_dense=one_scale)
    flatbuffer = write_metadata(made.flatbuffer, inside(member, data, config))
    checked, compiled = check(flatbuffer, Place.of_table(table), data)
    is_int8 = made.precision == INT8
    card = {
        **member.facts(),
        "precision": made.precision,
        "quantization": made.quantization,
        "file": made.file,
        "float_accuracy": accuracy(model, in_order(data.x_test, data.y_test)),
        "int8_accuracy": checked["tflite_accuracy"] if is_int8 else None,
        **checked,
        "data": data.name,
        "source": source,
        "skip_bad_images": skip_bad_images,
        "skipped_images": data.skipped,
        "epochs": config.epochs,
        "from_scratch": weights is None,
        "versions": {package: version(package) for package in _PACKAGES},
        "seed": config.seed,
        "search_seconds": state.search_seconds,
        "train_seconds": train_seconds,
        "made_from": made_from,
        "folder": str(folder),
    }
    member.limits.require(card, f"The trained {member.name}")
    write_json(folder / "architecture.json", architecture.to_dict())
    hand_over(folder, data.classes)
    replace_file(folder / "model.keras", model.save)
    for name, model_bytes in {made.file: flatbuffer, **compiled}.items():
        write_bytes(folder / name, model_bytes)
    write_text(folder / "card.md", card_text(card))
    write_json(folder / "card.json", card)
    for path in folder.glob("model_*.tflite"):  # of an export that this one replaces
        if path.name not in {made.file, *compiled}:
            path.unlink()
    shutil.rmtree(folder / f".training-{made_from}")
    return card


def require_possible(table: LatencyTable, limits: Limits, config: TrainConfig) -> None:
    """Refuse what no member can be, before one is chosen and trained.

    Raises:
        SettingsError: If the target, a limit or what is installed rules out how it is
            to be quantized.
    """
    target = table.target
    if config.quantize in FLOATS and target_class(target).suffix:
        raise SettingsError(f"{target} runs int8 alone: leave out --quantize")
    if config.quantize in FLOATS and limits.latency_ms:
        raise SettingsError(
            f"A limit in time is on int8, which is what {target} was timed in: leave "
            "out --max-latency or --quantize"
        )
    if config.quantize == AWARE and (lacks := missing_for_qat()):
        raise SettingsError(lacks)


def inside(member: Member, data: Dataset, config: TrainConfig) -> dict[str, Any]:
    """What the .tflite says of itself."""
    return {
        "labels": data.classes,
        "input": {"pixels": [0, 255], "divide_by": 255.0},
        "architecture": member.architecture.to_dict(),
        "budget": member.budget,
        "limits": member.limits.given,
        "chosen_for": member.table.target,
        "data": data.name,
        "epochs": config.epochs,
        "seed": config.seed,
        "versions": {package: version(package) for package in _PACKAGES},
    }


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
    progress = training_progress("Train", config.epochs)
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
