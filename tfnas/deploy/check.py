"""A member on test images and on its device: accuracy, times, memory."""

from pathlib import Path
from typing import Any

import keras

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.data.load import load_source
from tfnas.data.source import Source
from tfnas.deploy.handover import read_export
from tfnas.deploy.quantize import Deployed
from tfnas.latency.device import Place, latency_facts, memory_facts, on_target
from tfnas.networks.convert import INT8
from tfnas.networks.evaluate import accuracy
from tfnas.targets.measurement import UNSTABLE
from tfnas.tflite.interpreter import tflite_accuracy


def check(
    model: keras.Model, deployed: Deployed, place: Place, data: Dataset
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Everything about a member that a card says and that can be seen again.

    Args:
        model: The trained member.
        deployed: What was made of it.
        place: Its device.
        data: Gives the test images.

    Returns:
        Fields of the card; and what the device's compiler made of the model, by file
        name.
    """
    flatbuffer = deployed.flatbuffer
    timed, compiled = on_target(flatbuffer, place)
    right = tflite_accuracy(flatbuffer, in_order(data.x_test, data.y_test))
    facts = {
        "float_accuracy": accuracy(model, in_order(data.x_test, data.y_test)),
        "int8_accuracy": right if deployed.precision == INT8 else None,
        "size_bytes": len(flatbuffer),
        "tflite_accuracy": right,
        "test_images": len(data.x_test),
        **latency_facts(timed, place.kind),
        **memory_facts(flatbuffer, timed),
    }
    return facts, compiled


# What may differ a little from one check to the next.
_NOISY = ("measured_latency_ms", "peak_memory_bytes")


def validate(folder: Path, source: Source | None = None) -> dict[str, Any]:
    """Repeat the checks of an export.

    Args:
        folder: What `export` made.
        source: Data; that of the export by default.

    Returns:
        The card with what was seen now, and under `differs` what the card says of facts
        that are no longer so.

    Raises:
        RunError: If the folder holds no export, or a file of it is missing.
        ModelError: If the model is called int8 and is not.
    """
    card, deployed = read_export(folder)
    model = keras.models.load_model(folder / "model.keras")
    wanted = (source or Source(card["source"])).skipping(card["skip_bad_images"])
    data = load_source(wanted, model.input_shape[1:])
    place = Place(card["target"], card["table_kind"], card["device"], card["reach"])
    seen, _ = check(model, deployed, place, data)
    differs = {
        name: card[name]
        for name, value in seen.items()
        if _steady(card[name]) != _steady(value) and name not in _NOISY
    }
    return {**card, **seen, "folder": str(folder), "differs": differs}


def _steady(value: Any) -> Any:
    """A fact without the flag of a busy moment, which may come and go."""
    if isinstance(value, list):
        return [flag for flag in value if flag != UNSTABLE]
    return value
