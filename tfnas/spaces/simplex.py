"""Points of the simplex: one relative price per op, as typed, checked and in words."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

from tfnas.errors import SettingsError, nearest

# The paper writes the uniform point of three ops as 0.33,0.33,0.33.
SUM_TOLERANCE = 0.011
Budget = tuple[float, ...]


class Point(NamedTuple):
    """Where a family is looked at.

    Attributes:
        budget: A point of the simplex.
        strength: What all its prices are multiplied by.
    """

    budget: Budget
    strength: float = 1.0


def uniform(num_ops: int) -> Budget:
    """The point where every op has the same price: plain hardware-aware search."""
    return (1 / num_ops,) * num_ops


def check_budget(budget: Sequence[float], ops: Sequence[str]) -> Budget:
    """Refuse what is not on the simplex; remove rounding from what is.

    Args:
        budget: One share per op.
        ops: Names of the ops, in the order of the shares.

    Returns:
        The shares, divided by their sum.

    Raises:
        SettingsError: If the length is wrong, a share is negative or not a number, or
            the sum is not 1 within 0.011.
    """
    shown = ",".join(f"{share:g}" for share in budget)
    if len(budget) != len(ops):
        raise SettingsError(
            f"Budget {shown} has {len(budget)} shares, but the space prices {len(ops)} "
            f"kinds of op: {', '.join(ops)}. Give one share for each."
        )
    if not all(math.isfinite(share) and share >= 0 for share in budget):
        raise SettingsError(f"Budget {shown}: every share must be a number from 0 to 1")
    total = math.fsum(budget)
    if abs(total - 1) > SUM_TOLERANCE:
        raise SettingsError(f"Budget {shown} sums to {total:g}, but must sum to 1")
    return tuple(share / total for share in budget)


def parse_budget(text: str, ops: Sequence[str]) -> Budget:
    """Read a budget as typed.

    Args:
        text: Shares by position, `"0.3,0.5,0.2"`, or by name, `"sep_conv_3x3=0.7"`;
            ops that are not named share the rest equally.
        ops: Names of the ops, in order.

    Raises:
        SettingsError: If an op is unknown, a share is no number, or the shares are not
            on the simplex.
    """
    parts = [part.strip() for part in text.split(",")]
    if not any("=" in part for part in parts):
        return check_budget([_number(part, text) for part in parts], ops)
    shares: dict[str, float] = {}
    for part in parts:
        op, _, share = (word.strip() for word in part.partition("="))
        if op not in ops:
            raise SettingsError(
                f"Budget {text}: unknown op {op!r}. {nearest(op, [*ops])}"
            )
        if op in shares:
            raise SettingsError(f"Budget {text} names {op!r} twice")
        shares[op] = _number(share, text)
    unnamed = len(ops) - len(shares)
    rest = (1 - math.fsum(shares.values())) / unnamed if unnamed else 0.0
    return check_budget([shares.get(op, rest) for op in ops], ops)


def _number(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise SettingsError(
            f"Budget {text}: {word!r} is not a number. "
            "Write 0.3,0.5,0.2 or sep_conv_3x3=0.7"
        ) from None


def describe_budget(budget: Sequence[float], ops: Sequence[str]) -> str:
    """One sentence that says what a budget asks for.

    Args:
        budget: A point of the simplex.
        ops: Names of the ops, in the order of the shares.
    """
    if max(budget) - min(budget) < SUM_TOLERANCE:
        return "every op has the same price: plain hardware-aware search"
    fair = 1 / len(ops)
    ranked = sorted(zip(budget, ops, strict=True), reverse=True)
    dear = [f"{op} x{share / fair:.2g}" for share, op in ranked if share > fair]
    cheap = [f"{op} x{share / fair:.2g}" for share, op in ranked if share < fair]
    return (
        f"dear, so used less: {', '.join(dear)}; cheap, so used more: "
        f"{', '.join(cheap)} (x1 is the price at the uniform point)"
    )


def point_name(point: Point) -> str:
    """A point as a part of file names, e.g. `budget-0.3-0.5-0.2-strength-2`."""
    name = "budget-" + "-".join(f"{share:.4g}" for share in point.budget)
    return name + (f"-strength-{point.strength:.4g}" if point.strength != 1 else "")


def grid(num_ops: int, steps: int) -> Iterator[Budget]:
    """Every budget whose shares are multiples of `1 / steps`.

    Stars and bars: `comb(steps + num_ops - 1, num_ops - 1)` points.
    """
    places = steps + num_ops - 1
    for bars in combinations(range(places), num_ops - 1):
        edges = (-1, *bars, places)
        yield tuple((right - left - 1) / steps for left, right in pairwise(edges))
