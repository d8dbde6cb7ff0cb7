"""Writing and reading files: whole or not at all, never over another by accident."""

import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfnas.errors import TfnasError


def refuse_overwrite(path: Path, overwrite: bool) -> None:
    """Stop before work is done for a file that may not be written.

    Raises:
        TfnasError: If the path exists and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise TfnasError(f"{path} exists. Add --overwrite to replace it.")


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path`.

    Args:
        path: Where the file belongs; folders are made as needed.
        write: Called with the temporary path, which has the suffix of `path`.

    Raises:
        TfnasError: If the disk is full or the folder cannot be written.
    """
    suffix = "".join(path.suffixes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix, f".{path.name}.", path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise TfnasError(
            f"Cannot write {path}: {reason}. Free or choose a disk."
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a binary file atomically."""
    replace_file(path, lambda temporary: temporary.write_bytes(content))


def write_json(path: Path, values: Any) -> None:
    """Write JSON atomically; NaN and infinity are bugs, not values."""
    write_text(path, json.dumps(values, indent=1, allow_nan=False) + "\n")


def read_json(path: Path, what: str, error: type[TfnasError]) -> Any:
    """Read JSON.

    Args:
        path: The file.
        what: What it should be, for the message, e.g. `"latency table"`.
        error: Kind of error to raise.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise error(f"Cannot read the {what} {path}: {reason.strerror}") from reason
    except ValueError as reason:
        raise error(f"{path} is no {what}: {reason}") from reason


def slug(text: str) -> str:
    """A name as a part of file names: `ssh://pi@kitchen` is `ssh-pi@kitchen`."""
    return re.sub(r"[^\w.@-]+", "-", text)
