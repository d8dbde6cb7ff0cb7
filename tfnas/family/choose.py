"""Limits in, the best member of a family that keeps them out."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from tfnas.errors import LimitError
from tfnas.family.climb import climbed
from tfnas.family.extremes import fastest
from tfnas.family.family import Family
from tfnas.family.limits import Limits
from tfnas.family.member import Score, Scores, priced, scores_of
from tfnas.family.repair import bytes_guess, repaired, usage_of
from tfnas.latency.table import LatencyTable
from tfnas.networks.counts import count_params
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Point

# So many members just within the limits, and so many just beyond them, are looked at.
_NEAR = 8
_BEST = 8
Check = Callable[[Architecture, Point], None]
Usage = Callable[[Architecture], float]


def best_within(
    family: Family, limits: Limits, score: Scores, check: Check
) -> tuple[Architecture, Point]:
    """The best member that keeps all limits, as far as the supernet's weights tell.

    Compared on all held-out images are the best scored members within the limits, those
    that come nearest to the limits from within, and those just beyond, repaired. The
    best of them is changed for as long as single changes make it better.

    Args:
        family: Members and their prices.
        limits: What must be kept.
        score: Accuracy of a member with the supernet's weights.
        check: Raises `LimitError` where a member's size or memory, known only once it
            is converted, breaks a limit.

    Returns:
        The member, and the point that gave it, or what it was made from.

    Raises:
        LimitError: If no member keeps the limits; says what the fastest one needs.
    """
    passes, goal = _Checked(check, family.members), fastest(family.table)
    usage = _usage(family, limits, passes)
    found = _candidates(family, usage, goal, passes, score)
    title = f"Comparing {len(found)} candidates"
    full = scores_of(found, score.fully, title)
    ranked = sorted(found, key=full.__getitem__, reverse=True)
    start = next(filter(passes, ranked), None)
    if start is None:
        raise passes.last_error or LimitError(_impossible(goal, family.table, limits))
    point = passes.points[start]

    def fits(changed: Architecture) -> bool:
        passes.points.setdefault(changed, point)
        return passes(changed)

    best = climbed(start, lambda changed: usage(changed) <= 1, fits, score)
    return best, passes.points[best]


def near(
    member: Architecture, limits: Limits, table: LatencyTable, score: Score
) -> Architecture:
    """The member itself where it keeps the limits, else it repaired.

    Raises:
        LimitError: If no network near it keeps them.
    """
    found = repaired(member, usage_of(limits, table), fastest(table), score)
    if found is None:
        limits.require(priced(member, table), "The member at this budget")
        raise LimitError("No network near this budget keeps the limits.")
    return found


class _Checked:
    """Whether members pass a check, each looked at once.

    Attributes:
        points: Of every member the point that gave it.
        last_error: Why the last member that failed did so.
    """

    def __init__(self, check: Check, points: Mapping[Architecture, Point]) -> None:
        self.points = {**points}
        self.last_error: LimitError | None = None
        self._check = check
        self._known: dict[Architecture, bool] = {}

    def __call__(self, member: Architecture) -> bool:
        if member not in self._known:
            try:
                self._check(member, self.points[member])
                self._known[member] = True
            except LimitError as error:
                self._known[member], self.last_error = False, error
        return self._known[member]


def _usage(family: Family, limits: Limits, passes: _Checked) -> Usage:
    """What a network uses of the limits; of those on bytes, by what members showed."""
    usage = usage_of(limits, family.table)
    if not (limits.size_bytes or limits.arena_bytes):
        return usage
    quick = [member for member in family.by_latency if usage(member) <= 1]
    return usage_of(limits, family.table, _most_bytes(quick, limits, passes))


def _candidates(
    family: Family, usage: Usage, goal: Architecture, passes: _Checked, score: Scores
) -> list[Architecture]:
    """The best scored members that keep the limits, the nearest, and repaired ones."""
    used = {member: usage(member) for member in family.by_latency}
    kept = [member for member in used if used[member] <= 1]
    nearest = sorted(kept, key=lambda m: (-used[m], -count_params(m)))
    scored = [member for member in kept if member in family.scores]
    best = sorted(scored, key=lambda member: -family.scores[member])
    found = [*best[:_BEST], *nearest[:_NEAR]]
    beyond = sorted((m for m in used if used[m] > 1), key=lambda m: used[m])
    for member in beyond[:_NEAR]:
        fixed = repaired(member, usage, goal, score)
        if fixed is not None:
            passes.points.setdefault(fixed, family.members[member])
            found.append(fixed)
    return [*dict.fromkeys(found)]


def _most_bytes(
    members: Sequence[Architecture], limits: Limits, passes: _Checked
) -> float:
    """The largest share of limits on bytes, as guessed, that passes: by bisection.

    Size and RAM are known only once a member is converted, and grow with what is
    guessed of them.
    """
    ranked = sorted(members, key=lambda member: bytes_guess(member, limits))
    if ranked and passes(ranked[-1]):
        return bytes_guess(ranked[-1], limits)
    fit = bisect_left(ranked, True, key=lambda member: not passes(member))
    return bytes_guess(ranked[fit - 1], limits) if fit else 1.0


def _impossible(goal: Architecture, table: LatencyTable, limits: Limits) -> str:
    asked = ", ".join(f"{name} {value:,g}" for name, value in limits.given.items())
    return (
        f"No network keeps {asked}. The fastest needs {table.predict(goal)} and "
        f"{count_params(goal):,} parameters."
    )
