"""What a profile has measured so far, on disk after every block of runs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfnas.errors import TableError
from tfnas.support.files import write_text
from tfnas.targets.measurement import Measurement


@dataclass
class Journal:
    """Timed runs as they come in, so that an interrupted profile goes on where it was.

    A line of JSON per block of runs; the first line says what is being measured.

    Attributes:
        path: The file, or None to keep nothing.
        header: What is measured, where and how.
        overwrite: Begin again where the file belongs to another profile.
        blocks: Blocks of runs, by item and round.
    """

    path: Path | None
    header: Mapping[str, Any]
    overwrite: bool = False
    blocks: dict[tuple[str, int], Measurement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path is None:
            return
        if self.path.exists() and self._read(self.path):
            return
        write_text(self.path, "")
        self._append(self.header)

    def _read(self, path: Path) -> bool:
        """Take over what the file holds; false where it must be begun again."""
        try:
            return self._take_over(path)
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(
                f"{path} is damaged ({error}). Delete it to measure again."
            ) from error

    def _take_over(self, path: Path) -> bool:
        whole, _, torn = path.read_text(encoding="utf-8").rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines()]
        if lines and lines[0] != self.header and not self.overwrite:
            raise TableError(
                f"{path} was begun with other settings or on another device. "
                "Add --overwrite to begin again."
            )
        if not lines or lines[0] != self.header:
            return False
        self.blocks.update(map(_block, lines[1:]))
        if torn:  # the process died within its last line
            write_text(path, whole + "\n")
        return True

    def _append(self, line: Mapping[str, Any]) -> None:
        if self.path is None:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise TableError(f"Cannot write {self.path}: {error.strerror}") from error

    def add(self, item: str, round_: int, block: Measurement) -> None:
        """Keep a block of runs."""
        self.blocks[item, round_] = block
        self._append({"item": item, "round": round_, **asdict(block)})


def _block(line: Mapping[str, Any]) -> tuple[tuple[str, int], Measurement]:
    """One line of a journal: which item and round, and what was measured."""
    lists = {key: tuple(line[key]) for key in ("runs_ms", "rounds_ms", "flags")}
    facts = {key: line[key] for key in line if key not in ("item", "round")}
    return (line["item"], line["round"]), Measurement(**{**facts, **lists})
