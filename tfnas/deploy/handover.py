"""What an export needs where tfnas is not: names of the classes, and a script."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from tfnas.support.files import write_text

INFER = Path(__file__).with_name("infer.py")
# Control characters, halves of surrogate pairs, separators of lines and paragraphs.
_ESCAPED = {"Cc", "Cs", "Zl", "Zp"}


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
