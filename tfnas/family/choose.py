"""Limits in, the best member of a family that keeps them out."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from tfnas.errors import LimitError
from tfnas.family.extremes import fastest
from tfnas.family.family import Family, Score
from tfnas.family.limits import Limits
from tfnas.family.member import priced
from tfnas.family.repair import repaired, usage_of
from tfnas.latency.table import LatencyTable
from tfnas.networks.counts import count_params
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Budget

# So many members just within the limits, and so many just beyond them, are looked at.
_NEAR = 8
_BEST = 8
Check = Callable[[Architecture, Budget], None]


def best_within(
    family: Family, limits: Limits, score: Score, images: int, check: Check
) -> tuple[Architecture, Budget]:
    """The member with the best score that keeps all limits, as far as scores tell.

    Looked at are the best scored members within the limits, those that come nearest to
    the limits from within, and those just beyond, repaired. Of those whose scores are
    as good as the best, the one with most parameters is taken: it has most to train.

    Args:
        family: Members and their prices.
        limits: What must be kept.
        score: Accuracy of a member with the supernet's weights.
        images: How many images the score has looked at.
        check: Raises `LimitError` where a member's size or memory, known only once it
            is converted, breaks a limit.

    Returns:
        The member, and the point that gave it, or what it was repaired from.

    Raises:
        LimitError: If no member keeps the limits; says what the fastest one needs.
    """
    passes, usage = _Checked(check, family.members), usage_of(limits, family.table)
    goal = fastest(family.table)
    looked_at = _candidates(family, usage, goal, passes)
    scores = {member: score(member) for member in looked_at}
    for member in ranked(scores, images):
        if passes(member):
            return member, passes.points[member]
    raise passes.last_error or LimitError(_impossible(goal, family.table, limits))


class _Checked:
    """Whether members pass a check, each looked at once.

    Attributes:
        points: Of every member the point that gave it.
        last_error: Why the last member that failed did so.
    """

    def __init__(self, check: Check, points: Mapping[Architecture, Budget]) -> None:
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


def _candidates(
    family: Family,
    usage: Callable[[Architecture], float],
    goal: Architecture,
    passes: _Checked,
) -> list[Architecture]:
    """The best scored members that keep the limits, the nearest, and repaired ones."""
    used = {member: usage(member) for member in family.by_latency}
    kept = _passing([member for member in used if used[member] <= 1], passes)
    nearest = sorted(kept, key=lambda m: (-used[m], -count_params(m)))
    scored = [member for member in kept if member in family.scores]
    best = sorted(scored, key=lambda member: -family.scores[member])
    found = [*best[:_BEST], *nearest[:_NEAR]]
    beyond = sorted((m for m in used if used[m] > 1), key=lambda m: used[m])
    for member in beyond[:_NEAR]:
        fixed = repaired(member, usage, goal)
        if fixed is not None:
            passes.points.setdefault(fixed, family.members[member])
            found.append(fixed)
    return [*dict.fromkeys(found)]


def _passing(members: Sequence[Architecture], passes: _Checked) -> list[Architecture]:
    """Members up to the largest that passes, found by bisection.

    Size and RAM are known only once a member is converted. Size grows with the
    parameters, and RAM does mostly.
    """
    by_params = sorted(members, key=count_params)
    if by_params and passes(by_params[-1]):
        return by_params
    return by_params[: bisect_left(by_params, True, key=lambda m: not passes(m))]


def ranked(scores: Mapping[Architecture, float], images: int) -> list[Architecture]:
    """Members as good as the best, by parameters; then the others, by score.

    As good is what lies within one standard error (Breiman et al. 1984, "Classification
    and Regression Trees", section 3.4.3) of the best: above `p - sqrt(p (1 - p) / (n +
    2))` with Laplace's `p = (hits + 1) / (n + 2)`, whose error is not 0 where all of n
    images are hit.

    Args:
        scores: Accuracy of each member.
        images: How many images the scores are of.
    """
    best = max(scores.values(), default=0.0)
    share = (best * images + 1) / (images + 2)
    as_good = share - math.sqrt(share * (1 - share) / (images + 2))

    def place(member: Architecture) -> tuple[bool, float, float]:
        tied = scores[member] >= as_good
        return tied, count_params(member) if tied else 0, scores[member]

    return sorted(scores, key=place, reverse=True)


def _impossible(goal: Architecture, table: LatencyTable, limits: Limits) -> str:
    facts = priced(goal, table)
    asked = ", ".join(f"{name} {value:,g}" for name, value in limits.given.items())
    return (
        f"No network keeps {asked}. The fastest needs "
        f"{facts['predicted_latency_ms']:.3f} ms ({facts['predicted_low_ms']:.3f} to "
        f"{facts['predicted_high_ms']:.3f}) and {facts['params']:,} parameters."
    )
