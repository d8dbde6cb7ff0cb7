"""From one search to its members: points of the simplex in, architectures out."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import LimitError, SettingsError
from tfnas.latency.table import LatencyTable
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Budget, grid
from tfnas.spaces.space import Space

# Points of the simplex that a sweep looks at, where nothing else is asked for.
POINTS = 2000
Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def derive(space: Space, alpha: Any) -> Architecture:
    """The member that the logits name: `argmax_m alpha[e, m]` at every choice.

    Args:
        space: The space that was searched.
        alpha: Logits, shape `(num_choices, num_ops)`.

    Raises:
        SettingsError: If `none` was chosen so often that a cell passes nothing on.
    """
    return Architecture(space, tuple(int(op) for op in np.argmax(alpha, axis=-1)))


def shares(space: Space, alpha: Any) -> dict[str, float]:
    """Share of the choices of each op, where the logits name it; ties are divided."""
    best = alpha == np.max(alpha, axis=-1, keepdims=True)
    parts = np.mean(best / np.sum(best, axis=-1, keepdims=True), axis=0)
    return dict(zip(space.ops, parts.tolist(), strict=True))


def sweep(space: Space, logits: Logits, points: int) -> dict[Architecture, Budget]:
    """The distinct members over the simplex: a grid, refined where members change.

    Half of the points are a grid; the others halve, again and again, the ways between
    grid neighbours whose members differ, those that differ most first.

    Args:
        space: The space that was searched.
        logits: Maps points, shape `(num, num_axes)`, to alpha, shape
            `(num, num_choices, num_ops)`.
        points: At most so many points are looked at.

    Returns:
        Each member with the first point that gave it.
    """
    seen: dict[Budget, tuple[int, ...]] = {}

    def look(budgets: Sequence[Budget]) -> None:
        new = [budget for budget in dict.fromkeys(budgets) if budget not in seen]
        if new := new[: points - len(seen)]:
            best = np.argmax(logits(np.array(new, np.float32)), axis=-1)
            seen.update(zip(new, map(tuple, best.tolist()), strict=True))

    steps = _grid_steps(len(space.axes), points // 2)
    look([*grid(len(space.axes), steps)])
    ways = _neighbours([*seen], steps)
    while len(seen) < points:
        ways = [way for way in ways if differences(*(seen[end] for end in way)) > 1]
        ways.sort(key=lambda way: -differences(*(seen[end] for end in way)))
        middles = [_middle(*way) for way in ways]
        before = len(seen)
        look(middles)
        if len(seen) == before:
            break
        halves = zip(ways, middles, strict=True)
        ways = [
            half
            for (a, b), middle in halves
            if middle in seen
            for half in ((a, middle), (middle, b))
        ]
    members: dict[Architecture, Budget] = {}
    for budget, indices in seen.items():
        try:
            members.setdefault(Architecture(space, indices), budget)
        except SettingsError:
            continue  # `none` cut every path: no member
    return members


def _grid_steps(num_ops: int, points: int) -> int:
    steps = 1
    while comb(steps + num_ops, num_ops - 1) <= points:
        steps += 1
    return steps


def _neighbours(budgets: Sequence[Budget], steps: int) -> list[tuple[Budget, Budget]]:
    """Pairs of grid points between which a `1 / steps` moves from one op to another."""
    by_number = {tuple(round(steps * share) for share in b): b for b in budgets}
    moves = [*combinations(range(len(budgets[0])), 2)]
    pairs = []
    for numbers, budget in by_number.items():
        for first, second in moves:
            other = list(numbers)
            other[first] += 1
            other[second] -= 1
            if tuple(other) in by_number:
                pairs.append((budget, by_number[tuple(other)]))
    return pairs


def differences(first: Sequence[int], second: Sequence[int]) -> int:
    """How many choices two architectures take another op at, by their indices."""
    return sum(a != b for a, b in zip(first, second, strict=True))


def _middle(first: Budget, second: Budget) -> Budget:
    return tuple((a + b) / 2 for a, b in zip(first, second, strict=True))


def largest_within(
    members: Iterable[Architecture],
    table: LatencyTable,
    most_ms: float,
) -> Architecture:
    """The slowest member whose interval's upper end keeps a limit.

    Args:
        members: Members of one family.
        table: Their prices.
        most_ms: The limit in milliseconds.

    Raises:
        LimitError: If no member keeps it.
    """
    ranked = sorted(members, key=lambda member: table.predict(member).high_ms)
    within = [one for one in ranked if table.predict(one).high_ms <= most_ms]
    if not ranked:
        raise LimitError("The family has no member: `none` cuts every path.")
    if not within:
        fastest = table.predict(ranked[0])
        raise LimitError(
            f"No member keeps {most_ms:g} ms: the fastest needs "
            f"{fastest.latency_ms:.3f} ms ({fastest.low_ms:.3f} to "
            f"{fastest.high_ms:.3f})."
        )
    return within[-1]
