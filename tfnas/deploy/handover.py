"""The folder of an export: for tfnas, for people, and for where tfnas is not."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tfnas.deploy.card import card_text
from tfnas.deploy.quantize import Deployed
from tfnas.errors import RunError
from tfnas.networks.convert import INT8
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.load import space_of
from tfnas.spaces.space import Space
from tfnas.support.files import (
    read_json,
    refuse_overwrite,
    replace_file,
    write_bytes,
    write_json,
    write_text,
)
from tfnas.tflite.graph import check_int8

INFER = Path(__file__).with_name("infer.py")
# Control characters, halves of surrogate pairs, separators of lines and paragraphs.
_ESCAPED = {"Cc", "Cs", "Zl", "Zp"}


@dataclass(frozen=True)
class Made:
    """What was made of a member.

    Attributes:
        architecture: What it is.
        model: It, trained: standard layers in float.
        files: The .tflite, and what the device's compiler made of it, by file name.
        facts: What the card says of how it was made and what was seen of it.
        train_seconds: What training took.
    """

    architecture: Architecture
    model: keras.Model
    files: Mapping[str, bytes]
    facts: Mapping[str, Any]
    train_seconds: float


def earlier_card(
    folder: Path, made_from: str, *, overwrite: bool
) -> dict[str, Any] | None:
    """The card of a folder, where that need not be made again.

    Args:
        folder: Of the export.
        made_from: What the card says if it was made from the same.
        overwrite: Whether it is to be made again, whatever it holds.

    Raises:
        TfnasError: If it was made from something else, and is not to be overwritten.
    """
    path = folder / "card.json"
    if path.exists():
        card: dict[str, Any] = read_json(path, "card", RunError)
        if card.get("made_from") == made_from and not overwrite:
            return card
    refuse_overwrite(path, overwrite)
    return None


def read_export(folder: Path) -> tuple[dict[str, Any], Deployed]:
    """The card of an export, and what it hands over.

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
        check_int8(flatbuffer, _space(folder).tflite_ops)
    return card, Deployed(flatbuffer, card["precision"], card["quantization"])


def _space(folder: Path) -> Space:
    """The space of an exported member; in a run of the user's it may be their own."""
    path = folder / "architecture.json"
    values = read_json(path, "architecture", RunError)
    if not isinstance(values, dict) or not isinstance(values.get("space"), dict):
        raise RunError(f"{path} holds no architecture: export it again.")
    return space_of(values["space"], typed=(folder / "../../run.toml").is_file())


def write_export(
    folder: Path, made: Made, card: Mapping[str, Any], classes: Sequence[str]
) -> None:
    """Write a made member; the card last, for it says that the rest is there.

    Args:
        folder: Of the export.
        made: The member.
        card: All that is known of it.
        classes: Names of the classes.
    """
    write_json(folder / "architecture.json", made.architecture.to_dict())
    hand_over(folder, classes)
    replace_file(folder / "model.keras", made.model.save)
    for name, content in made.files.items():
        write_bytes(folder / name, content)
    write_text(folder / "card.md", card_text(card))
    write_json(folder / "card.json", card)
    for path in folder.glob("model_*.tflite"):  # of an export that this one replaces
        if path.name not in made.files:
            path.unlink()


def hand_over(folder: Path, classes: Sequence[str]) -> None:
    """Write `labels.txt` and `infer.py`, which classifies images with the model there.

    Args:
        folder: Of the export.
        classes: Names of the classes, in the order of the model's outputs: one a line,
            with characters that would break the line written as Python escapes them.
    """
    write_text(folder / "labels.txt", "".join(f"{_line(name)}\n" for name in classes))
    write_text(folder / INFER.name, INFER.read_text(encoding="utf-8"))


def _line(name: str) -> str:
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in _ESCAPED
        else char
        for char in name
    )
