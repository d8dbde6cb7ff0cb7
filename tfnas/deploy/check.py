"""A .tflite on test images and on its device: accuracy, times, memory."""

from pathlib import Path
from typing import Any

import keras

from tfnas.data.batches import in_order
from tfnas.data.dataset import Dataset
from tfnas.data.load import load
from tfnas.errors import RunError
from tfnas.latency.device import Place, latency_facts, memory_facts, on_target
from tfnas.networks.convert import INT8
from tfnas.networks.evaluate import accuracy
from tfnas.support.files import read_json
from tfnas.targets.measurement import UNSTABLE
from tfnas.tflite.graph import check_int8
from tfnas.tflite.interpreter import tflite_accuracy


def check(
    flatbuffer: bytes, place: Place, data: Dataset
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Everything about a .tflite that a card says and that can be seen again.

    Args:
        flatbuffer: The model.
        place: Its device.
        data: Gives the test images.

    Returns:
        Fields of the card; and what the device's compiler made of the model, by file
        name.
    """
    timed, compiled = on_target(flatbuffer, place)
    facts = {
        "size_bytes": len(flatbuffer),
        "tflite_accuracy": tflite_accuracy(
            flatbuffer, in_order(data.x_test, data.y_test)
        ),
        "test_images": len(data.x_test),
        **latency_facts(timed, place.kind),
        **memory_facts(flatbuffer, timed),
    }
    return facts, compiled


# What may differ a little from one check to the next.
_NOISY = ("measured_latency_ms", "peak_memory_bytes")


def validate(folder: Path, source: str | None = None) -> dict[str, Any]:
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
    card: dict[str, Any] = read_json(folder / "card.json", "card", RunError)
    try:
        flatbuffer = (folder / card["file"]).read_bytes()
    except OSError as error:
        raise RunError(f"{folder} lacks {card['file']}: export it again.") from error
    if card["precision"] == INT8:
        check_int8(flatbuffer)
    model = keras.models.load_model(folder / "model.keras")
    shape, skips = model.input_shape[1:], card["skip_bad_images"]
    data = load(source or card["source"], shape, skips)
    place = Place(card["target"], card["table_kind"], card["device"], card["reach"])
    seen, _ = check(flatbuffer, place, data)
    seen["float_accuracy"] = accuracy(model, in_order(data.x_test, data.y_test))
    if card["precision"] == INT8:
        seen["int8_accuracy"] = seen["tflite_accuracy"]
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
