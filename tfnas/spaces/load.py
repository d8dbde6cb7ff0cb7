"""A space from plain values, from a file, or from a name.

What stands in a file that travels may name what tfnas or an installed package has, and
never a module: `package.module:NAME` counts where the user typed it, in a file that
they named as a space, or in their own run folder. There `typed` is true.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfnas.errors import SettingsError
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.chain import ChainSpace
from tfnas.spaces.space import Space
from tfnas.support.plugins import from_module, resolve

SPACES: dict[str, type[Space]] = {"cell": CellSpace, "chain": ChainSpace}
PRESETS = Path(__file__).with_name("presets")
KIND = "cell"  # of values that name none
_SMALL = 64  # pixels of the shorter side


def space_of(values: Mapping[str, Any], *, typed: bool = False) -> Space:
    """The space of what `Space.to_dict` wrote, or of a part of it.

    Args:
        values: Its fields; `kind` is `cell` where it is left out.
        typed: Whether `package.module:NAME` counts as a kind and as an op.

    Raises:
        SettingsError: If kind, a key or an op is unknown, or a value is wrong.
    """
    values = dict(values)
    kind, ops = values.pop("kind", KIND), values.get("ops", ())
    foreign = [name for name in (kind, *ops) if ":" in str(name)]
    if foreign and not typed:
        raise SettingsError(
            f"{foreign[0]} names a module, which is not imported on the word of a "
            "file. Name the space with --space, or install it with an entry point."
        )
    return _space_class(str(kind)).from_dict(values)


def _space_class(kind: str) -> type[Space]:
    found = (
        from_module(kind, SettingsError)
        if ":" in kind
        else resolve(kind, SPACES, "tfnas.spaces", SettingsError)
    )
    if not (isinstance(found, type) and issubclass(found, Space)):
        raise SettingsError(f"{kind} is no subclass of tfnas.Space")
    return found


def read_space(
    name: str | None,
    *,
    input_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
) -> Space:
    """The space that a user names, for given images.

    Args:
        name: A TOML or JSON file, a preset, a kind of space, or `package.module:Class`;
            where None, what suits images of that size. What exists as a file is that.
        input_shape: Replaces the file's.
        num_classes: Replaces the file's.

    Raises:
        SettingsError: If there is no such space, or the file holds none.
    """
    values = _named(name or default_for(input_shape))
    given = {"input_shape": input_shape, "num_classes": num_classes}
    values |= {key: value for key, value in given.items() if value is not None}
    try:
        return space_of(values, typed=True)
    except SettingsError as error:
        where = f"{name}: " if name and _is_file(Path(name)) else ""
        raise SettingsError(f"{where}{error}") from error


def default_for(input_shape: tuple[int, int, int] | None) -> str:
    """The preset for images of a size: `micro` up to 64 pixels, `lite` above."""
    small = input_shape is None or min(input_shape[:2]) <= _SMALL
    return "micro" if small else "lite"


def is_for_any_images(name: str | None) -> bool:
    """Whether a name is that of a preset or of a kind of space, or none is given.

    Such a space takes its shape and classes from the images; a file or a class of the
    user's has its own.
    """
    return name is None or not (_is_file(Path(name)) or ":" in name)


def _is_file(path: Path) -> bool:
    return path.suffix in (".toml", ".json") or path.is_file()


def _named(name: str) -> dict[str, Any]:
    """The plain values of what a user names."""
    if _is_file(path := Path(name)):
        return _read(path)
    if ":" in name:
        return {"kind": name}
    presets = {path.stem: path for path in sorted(PRESETS.glob("*.toml"))}
    found = resolve(name, SPACES | presets, "tfnas.spaces", SettingsError)
    return _read(found) if isinstance(found, Path) else {"kind": name}


def _read(path: Path) -> dict[str, Any]:
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
    return values
