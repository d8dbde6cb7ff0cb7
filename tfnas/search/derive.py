"""From one search to its members: points of the simplex in, architectures out."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import LimitError, SettingsError
from tfnas.latency.table import LatencyTable
from tfnas.search.settings import SearchConfig
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Point, grid
from tfnas.spaces.space import Space

# Points of the simplex that a sweep looks at, where nothing else is asked for.
POINTS = 2000
Array = NDArray[np.float32]
Logits = Callable[[Array, Array], Array]
# Shares of a budget, then the level of a strength.
Place = tuple[float, ...]
_LEVELS = 7


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


def sweep(
    space: Space, logits: Logits, config: SearchConfig, points: int
) -> dict[Architecture, Point]:
    """The distinct members over all points and strengths: a grid, then refined.

    Half of the places are a grid; the others halve, again and again, the ways between
    grid neighbours whose members differ, those that differ most first.

    Args:
        space: The space that was searched.
        logits: Maps points, shape `(num, num_axes)`, and levels of strength, shape
            `(num,)`, to alpha, shape `(num, num_choices, num_ops)`.
        config: Tells the strengths of the search.
        points: At most so many places are looked at.

    Returns:
        Each member with the first point that gave it.
    """
    seen: dict[Place, tuple[int, ...]] = {}

    def look(places: Sequence[Place]) -> None:
        new = [place for place in dict.fromkeys(places) if place not in seen]
        if new := new[: points - len(seen)]:
            array = np.array(new, np.float32)
            best = np.argmax(logits(array[:, :-1], array[:, -1]), axis=-1)
            seen.update(zip(new, map(tuple, best.tolist()), strict=True))

    levels = _levels(config)
    steps = _grid_steps(len(space.axes), points // 2 // len(levels))
    look([(*b, level) for level in levels for b in grid(len(space.axes), steps)])
    ways = _neighbours([*seen], steps, levels)
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
    members: dict[Architecture, Point] = {}
    for (*budget, level), indices in seen.items():
        point = Point(tuple(budget), float(config.strength(level)))
        try:
            members.setdefault(Architecture(space, indices), point)
        except SettingsError:
            continue  # `none` cut every path: no member
    return members


def _levels(config: SearchConfig) -> tuple[float, ...]:
    """Levels of strength of the grid; one alone where one strength was searched."""
    if config.least_strength == config.most_strength:
        return (0.0,)
    return tuple(np.linspace(-1, 1, _LEVELS).tolist())


def _grid_steps(num_ops: int, points: int) -> int:
    steps = 1
    while comb(steps + num_ops, num_ops - 1) <= points:
        steps += 1
    return steps


def _neighbours(
    places: Sequence[Place], steps: int, levels: Sequence[float]
) -> list[tuple[Place, Place]]:
    """Pairs of places between which a `1 / steps` moves, or the level by one."""
    by_number = {
        (*(round(steps * share) for share in budget), levels.index(level)): place
        for place in places
        for *budget, level in [place]
    }
    axes = range(len(places[0]) - 1)
    moves = [((first, 1), (second, -1)) for first, second in combinations(axes, 2)]
    pairs = []
    for numbers, place in by_number.items():
        for move in (*moves, ((len(axes), 1),)):
            other = list(numbers)
            for index, change in move:
                other[index] += change
            if tuple(other) in by_number:
                pairs.append((place, by_number[tuple(other)]))
    return pairs


def differences(first: Sequence[int], second: Sequence[int]) -> int:
    """How many choices two architectures take another op at, by their indices."""
    return sum(a != b for a, b in zip(first, second, strict=True))


def _middle(first: Place, second: Place) -> Place:
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
        needed = table.predict(ranked[0])
        raise LimitError(f"No member keeps {most_ms:g} ms: the fastest needs {needed}.")
    return within[-1]
