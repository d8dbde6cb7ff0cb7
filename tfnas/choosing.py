"""Limits in, the best member of a family that keeps them out."""

import math
from collections.abc import Callable, Mapping

from tfnas.architecture import Architecture
from tfnas.errors import LimitError
from tfnas.extremes import fastest
from tfnas.families import Family, Score
from tfnas.family import differences, single_changes
from tfnas.limits import Limits
from tfnas.member import priced
from tfnas.simplex import Budget
from tfnas.space import WEIGHTLESS_OPS
from tfnas.table import LatencyTable

# So many members just within the limits, and so many just beyond them, are looked at.
_NEAR = 8
_BEST = 8

Check = Callable[[Architecture, Budget], None]


def best_within(
    family: Family, limits: Limits, score: Score, images: int, check: Check
) -> tuple[Architecture, Budget]:
    """The member with the best score that keeps all limits, as far as scores tell.

    Looked at are the best scored members within the limits, those that come nearest to
    the limits from within, and those just beyond, repaired. Scores within one standard
    error of the best are as good as the best: of these the member that uses most of
    the limits is taken, as training gains most where there is more to train.

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
    usage = usage_of(limits, family.table)
    used = {member: usage(member) for member in family.members}
    goal = fastest(family.table)
    within = sorted((m for m in used if used[m] <= 1), key=lambda m: -used[m])
    beyond = sorted((m for m in used if used[m] > 1), key=lambda m: used[m])
    scored = [member for member in within if member in family.scores]
    best = sorted(scored, key=lambda member: -family.scores[member])[:_BEST]
    points = {member: family.members[member] for member in (*best, *within[:_NEAR])}
    for member in beyond[:_NEAR]:
        fixed = repaired(member, usage, goal)
        if fixed is not None:
            points.setdefault(fixed, family.members[member])
    scores = {member: score(member) for member in points}
    for member in ranked(scores, usage, images):
        try:
            check(member, points[member])
        except LimitError as error:
            refused = error
            continue
        return member, points[member]
    if points:
        raise refused
    raise LimitError(_impossible(goal, family.table, limits))


def ranked(
    scores: Mapping[Architecture, float],
    usage: Callable[[Architecture], float],
    images: int,
) -> list[Architecture]:
    """Members whose score cannot be told from the best, by usage; the others by score.

    What cannot be told apart is by the one-standard-error rule (Breiman et al. 1984,
    "Classification and Regression Trees", section 3.4.3); the error of an accuracy `p`
    of `n` images is `sqrt(p * (1 - p) / n)`.

    Args:
        scores: Accuracy of each member.
        usage: The largest share of a limit that a network uses.
        images: How many images the scores are of.
    """
    best = max(scores.values(), default=0.0)
    as_good = best - math.sqrt(best * (1 - best) / images)

    def place(member: Architecture) -> tuple[float, float]:
        tied = scores[member] >= as_good
        return (usage(member) if tied else -1.0), scores[member]

    return sorted(scores, key=place, reverse=True)


def usage_of(limits: Limits, table: LatencyTable) -> Callable[[Architecture], float]:
    """The largest share of a limit that a network uses; infinite with a barred op."""
    usable = table.usable()

    def usage(member: Architecture) -> float:
        if not usable[range(len(usable)), member.indices].all():
            return math.inf
        return limits.usage(priced(member, table))

    return usage


def repaired(
    member: Architecture,
    usage: Callable[[Architecture], float],
    goal: Architecture,
) -> Architecture | None:
    """Change single choices until a member keeps the limits.

    Each step takes the change that helps most, and of those that suffice the one that
    leaves most in use. Where none helps any more, though several together would, the
    way goes to the fastest network.

    Args:
        member: A member.
        usage: The largest share of a limit that a network uses; above 1 it breaks one.
        goal: The fastest network.

    Returns:
        A network within the limits; None where the way to the fastest has none.
    """
    used = _burden(member, usage)
    while used[0] > 1:
        changed = {other: _burden(other, usage) for other in single_changes(member)}
        enough = [other for other, burden in changed.items() if burden[0] <= 1]
        member = (
            max(enough, key=lambda other: changed[other])
            if enough
            else min(changed, key=lambda other: changed[other])
        )
        if changed[member] >= used:
            return _towards(goal, member, usage)
        used = changed[member]
    return member


def _towards(
    goal: Architecture, member: Architecture, usage: Callable[[Architecture], float]
) -> Architecture | None:
    """Take the goal's ops, one choice after another, until the limits are kept."""
    while usage(member) > 1:
        left = differences(member.indices, goal.indices)
        steps = [
            other
            for other in single_changes(member)
            if differences(other.indices, goal.indices) < left
        ]
        if not steps:
            return None
        member = min(steps, key=usage)
    return member


def _burden(
    member: Architecture, usage: Callable[[Architecture], float]
) -> tuple[float, int]:
    """Usage, and the pools: one of several pools of a state costs nothing to lose."""
    return usage(member), sum(op in WEIGHTLESS_OPS for op in member.ops)


def _impossible(goal: Architecture, table: LatencyTable, limits: Limits) -> str:
    facts = priced(goal, table)
    asked = ", ".join(f"{name} {value:,g}" for name, value in limits.given.items())
    return (
        f"No network keeps {asked}. The fastest needs "
        f"{facts['predicted_latency_ms']:.3f} ms ({facts['predicted_low_ms']:.3f} to "
        f"{facts['predicted_high_ms']:.3f}) and {facts['params']:,} parameters."
    )
