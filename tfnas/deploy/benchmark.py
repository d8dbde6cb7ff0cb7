"""Any .tflite files side by side on one device: time, accuracy, memory, operators."""

import random
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.errors import DataError, ModelError
from tfnas.latency.device import memory_facts
from tfnas.latency.journal import Journal
from tfnas.latency.rounds import TIMING, Timing, measure
from tfnas.targets.measurement import UNUSABLE, Measurement
from tfnas.targets.target import Target
from tfnas.tflite.graph import graph
from tfnas.tflite.interpreter import TfliteModel, tflite_accuracy

_ACCELERATED = "CUSTOM"


def benchmark(
    models: Mapping[str, bytes],
    device: Target,
    data: Dataset | None = None,
    timing: Timing = TIMING,
) -> list[dict[str, Any]]:
    """Measure models in turn, in rounds, so that none has the device's best moment.

    Args:
        models: Each with a name; compiled for the device here if it has a compiler.
        device: Where.
        data: Gives test images; without it accuracy is null.
        timing: Runs of a model in each round.

    Returns:
        One row for each model, in their order.

    Raises:
        ModelError: If a file is no .tflite model.
        DataError: If a model takes images of another shape.
    """
    ops = {name: _ops(name, model) for name, model in models.items()}
    if data is not None:
        for name, model in models.items():
            _require(name, model, data)
    makers = {name: partial(bytes, model) for name, model in models.items()}
    timed = measure(makers, device, Journal(None, {}), timing, random.Random(0))
    return [
        {
            "model": name,
            "accuracy": data
            and tflite_accuracy(model, in_order(data.x_test, data.y_test)),
            **times(timed[name], device.kind),
            "size_bytes": len(model),
            **memory_facts(model, timed[name]),
            **_placed(model, ops[name], device, timed[name]),
        }
        for name, model in models.items()
    ]


def _ops(name: str, model: bytes) -> list[str]:
    try:
        return graph(model)[0]
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error


def _require(name: str, model: bytes, data: Dataset) -> None:
    wanted = TfliteModel(model).input_shape
    if wanted != data.input_shape:
        raise DataError(
            f"{name} takes images of {wanted}, but {data.name} has {data.input_shape}. "
            "Give the data it is for with --data."
        )


def times(timed: Measurement, kind: str) -> dict[str, Any]:
    """Median and ninth decile of runs, null where they are of no whole model.

    Args:
        timed: The runs.
        kind: Of the target's numbers.
    """
    whole = UNUSABLE not in timed.flags
    return {
        "kind": kind,
        "median_ms": timed.median_ms if whole else None,
        "p90_ms": float(np.quantile(timed.runs_ms, 0.9)) if whole else None,
        "flags": [*timed.flags],
    }


def _placed(
    model: bytes, ops: list[str], device: Target, timed: Measurement
) -> dict[str, int | None]:
    """How many operators the accelerator takes, and how many are left to the CPU."""
    if not device.traits.suffix:
        return {"accelerator_ops": 0, "cpu_ops": len(ops)}
    if UNUSABLE in timed.flags and not timed.median_ms:
        return {"accelerator_ops": None, "cpu_ops": None}  # its compiler refuses it
    left = [op for op in graph(device.compile(model))[0] if op != _ACCELERATED]
    return {"accelerator_ops": len(ops) - len(left), "cpu_ops": len(left)}
