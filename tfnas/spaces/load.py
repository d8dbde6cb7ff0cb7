"""A space from a file, a name or a class."""

import json
import tomllib
from pathlib import Path
from typing import Any

from tfnas.errors import SettingsError
from tfnas.spaces.cell import CellSpace


def read_space(
    path: Path | None,
    *,
    input_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
) -> CellSpace:
    """A space from a TOML or JSON file, or the default one, for given images.

    Args:
        path: The file, or None for the default space.
        input_shape: Replaces the file's.
        num_classes: Replaces the file's.

    Raises:
        SettingsError: If the file cannot be read or holds no space.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
            values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except OSError as error:
            raise SettingsError(
                f"Cannot read the space {path}: {error.strerror}"
            ) from error
        except ValueError as error:
            raise SettingsError(f"{path} is neither TOML nor JSON: {error}") from error
        if not isinstance(values, dict):
            raise SettingsError(f"{path} holds no keys of a space")
    given = {"input_shape": input_shape, "num_classes": num_classes}
    values |= {key: value for key, value in given.items() if value is not None}
    return CellSpace.from_dict(values)
