"""Settings of a search and of an export: frozen, checked, TOML both ways."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import tomli_w

from tfnas.errors import SettingsError, nearest


def within(default: Any, low: float = 0, high: float = math.inf) -> Any:
    """A number of a `Settings`, with its bounds."""
    return field(default=default, metadata={"low": low, "high": high})


def one_of(*known: str) -> Any:
    """A text of a `Settings` that is one of several; the first is the default."""
    return field(default=known[0], metadata={"one_of": known})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all settings share: known keys, values of the default's type, TOML."""

    def __post_init__(self) -> None:
        for setting in fields(self):
            value, known = getattr(self, setting.name), setting.metadata
            if "one_of" in known and value not in known["one_of"]:
                hint = nearest(str(value), [*known["one_of"]])
                raise SettingsError(f"Unknown {setting.name} {value!r}. {hint}")
            low, high = known.get("low", 0), known.get("high", math.inf)
            if isinstance(value, (int, float)) and not low <= value <= high:
                limit = f"from {low}" + (f" to {high}" if high < math.inf else "")
                raise SettingsError(f"{setting.name} must be {limit}, got {value}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from plain values; a key that no field has is an error.

        Raises:
            SettingsError: If a key is unknown or a value is of another type.
        """
        types = {field.name: type(field.default) for field in fields(cls)}
        for key, value in values.items():
            if key not in types:
                raise SettingsError(
                    f"Unknown setting {key!r}. {nearest(key, [*types])}"
                )
            number = types[key] is float and type(value) is int
            if type(value) is not types[key] and not number:
                raise SettingsError(
                    f"Setting {key} must be {types[key].__name__}, got {value!r}"
                )
        return cls(**values)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file of settings."""
        try:
            return cls.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise SettingsError(f"Cannot read {path}: {error.strerror}") from error
        except ValueError as error:
            raise SettingsError(f"{path} is no TOML: {error}") from error
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from error

    def dumps(self) -> str:
        """The settings as TOML."""
        return tomli_w.dumps(asdict(self))
