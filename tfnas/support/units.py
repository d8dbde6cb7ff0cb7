"""Numbers with units, as people write them (`2ms`, `50k`, `60KiB`) and read them."""

import math
import re

from tfnas.errors import SettingsError

MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
COUNTS = {"": 1.0, "k": 1e3, "M": 1e6}
BYTES = {
    **{"": 1.0, "B": 1.0, "kB": 1e3, "MB": 1e6},
    **{"KiB": 2.0**10, "MiB": 2.0**20},
}


def parse_quantity(text: str, units: dict[str, float]) -> float:
    """A number with one of some units, in the unit that counts 1.

    Args:
        text: Such as `2ms`; a space between number and unit is allowed.
        units: What each counts; one named `""` may be left out.

    Raises:
        SettingsError: If it is no positive number, or has another unit.
    """
    found = re.fullmatch(
        r"\s*([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*([A-Za-z]*)\s*", text
    )
    known = ", ".join(unit or "none" for unit in units)
    if found is None:
        raise SettingsError(f"{text!r} is no number with a unit (units: {known})")
    number, unit = float(found[1]), found[2]
    if unit not in units:
        what = f"unit {unit!r}" if unit else "no unit"
        raise SettingsError(f"{text!r} has {what}; write one of: {known}")
    if not (math.isfinite(number) and number > 0):
        raise SettingsError(f"{text!r} must be a finite number above 0")
    return number * units[unit]


def ms_text(ms: float) -> str:
    """Milliseconds with three digits that count, and three decimals at least."""
    digits = 2 - math.floor(math.log10(ms)) if 0 < ms < 1 else 3
    return f"{ms:.{max(3, digits)}f}"


def interval_text(ms: float, low: float, high: float) -> str:
    """Milliseconds with their interval."""
    return f"{ms_text(ms)} ms ({ms_text(low)} to {ms_text(high)})"
