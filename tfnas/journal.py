"""What a profile has measured so far, on disk after every block of runs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tfnas.errors import TableError
from tfnas.files import write_text
from tfnas.measurement import Measurement


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
        whole, _, torn = path.read_text(encoding="utf-8").rpartition("\n")
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
        except ValueError as error:
            raise TableError(
                f"{path} is damaged ({error}). Delete it to measure again."
            ) from error
        if lines and lines[0] != self.header and not self.overwrite:
            raise TableError(
                f"{path} was begun with other settings or on another device. "
                "Add --overwrite to begin again."
            )
        if not lines or lines[0] != self.header:
            return False
        for line in lines[1:]:
            where = line.pop("item"), line.pop("round")
            lists = ("runs_ms", "rounds_ms", "flags")
            listed = {key: tuple(line[key]) for key in lists}
            self.blocks[where] = Measurement(**{**line, **listed})
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
