"""A member -> what is handed over of it, in memory: trained, quantized, checked."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tfnas.data.dataset import Dataset
from tfnas.deploy.check import check
from tfnas.deploy.handover import Made
from tfnas.deploy.quantize import deploy
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_in
from tfnas.family.member import Member
from tfnas.latency.device import Place
from tfnas.networks.weights import Weights
from tfnas.support.progress import say
from tfnas.targets.registry import target_class
from tfnas.tflite.metadata import write_metadata

_PACKAGES = ("tfnas", "tensorflow", "keras", "ai-edge-litert", "numpy")


def make(
    member: Member,
    data: Dataset,
    config: TrainConfig,
    weights: Weights | None,
    scratch: Path,
) -> Made:
    """Train a member, quantize it, and look at it on test images and on its device.

    Args:
        member: The network, and the device it is for.
        data: Gives training, calibration and test images.
        config: How it is trained and quantized.
        weights: Where training starts from; fresh weights where None.
        scratch: Folder that keeps what was trained, should this be interrupted.
    """
    architecture, table = member.architecture, member.table
    model, seconds = train_in(scratch, architecture, data, config, weights)
    say("Quantizing and checking on the test set")
    traits = target_class(table.target).traits
    plain = deploy(model, architecture, data, config, traits=traits)
    told = write_metadata(plain.flatbuffer, inside(member, data, config))
    deployed = replace(plain, flatbuffer=told)
    seen, compiled = check(model, deployed, Place.of_table(table), data)
    facts = {
        "precision": deployed.precision,
        "quantization": deployed.quantization,
        "file": deployed.file,
        **seen,
        "data": data.name,
        "source": data.source.text,
        "skip_bad_images": data.source.skip_bad_images,
        "skipped_images": data.skipped,
        "epochs": config.epochs,
        "from_scratch": weights is None,
        "versions": _versions(),
        "seed": config.seed,
    }
    files = {deployed.file: told, **compiled}
    return Made(architecture, model, files, facts, seconds)


def inside(member: Member, data: Dataset, config: TrainConfig) -> dict[str, Any]:
    """What the .tflite says of itself."""
    return {
        "labels": data.classes,
        "input": {"pixels": [0, 255], "divide_by": 255.0},
        "architecture": member.architecture.to_dict(),
        "budget": member.point.budget,
        "strength": member.point.strength,
        "limits": member.limits.given,
        "chosen_for": member.table.target,
        "data": data.name,
        "epochs": config.epochs,
        "seed": config.seed,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Of tfnas, and of what it was made with."""
    return {package: version(package) for package in _PACKAGES}
