"""A network that breaks limits in, one that keeps them out, choice by choice."""

import math
from collections.abc import Callable

from tfnas.errors import SettingsError
from tfnas.family.limits import Limits
from tfnas.family.member import Score, priced
from tfnas.latency.table import LatencyTable
from tfnas.networks.activations import arena_guess
from tfnas.networks.counts import count_params
from tfnas.search.derive import differences
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.ops import find_op

# Of the changes that suffice, so many are scored.
_SCORED = 8


def usage_of(
    limits: Limits, table: LatencyTable, most_bytes: float = math.inf
) -> Callable[[Architecture], float]:
    """The largest share of a limit that a network uses; infinite with a barred op.

    Args:
        limits: Of milliseconds and parameters; those on bytes count by a guess.
        table: The prices.
        most_bytes: What is guessed of the network that uses most of limits on bytes.
    """
    usable = table.usable()

    def usage(member: Architecture) -> float:
        if not usable[range(len(usable)), member.indices].all():
            return math.inf
        used = limits.usage(priced(member, table))
        return max(used, bytes_guess(member, limits) / most_bytes)

    return usage


def bytes_guess(member: Architecture, limits: Limits) -> float:
    """Roughly the largest share of a limit on bytes that a network uses."""
    size, arena = limits.size_bytes, limits.arena_bytes
    return max(
        count_params(member) / size if size else 0.0,
        arena_guess(member) / arena if arena else 0.0,
    )


def repaired(
    member: Architecture,
    usage: Callable[[Architecture], float],
    goal: Architecture,
    score: Score,
) -> Architecture | None:
    """Change single choices until a member keeps the limits.

    Each step takes the change that helps most. Of those that suffice, the few that
    leave most in use are scored, and the best is taken. Where none helps any more,
    though several together would, the way goes to the fastest network.

    Args:
        member: A member.
        usage: The largest share of a limit that a network uses; above 1 it breaks one.
        goal: The fastest network.
        score: Accuracy of a network with the supernet's weights.

    Returns:
        A network within the limits; None where the way to the fastest has none.
    """
    used = _burden(member, usage)
    while used[0] > 1:
        changed = {other: _burden(other, usage) for other in single_changes(member)}
        enough = [other for other, burden in changed.items() if burden[0] <= 1]
        enough.sort(key=lambda other: changed[other], reverse=True)
        if enough:
            return max(enough[:_SCORED], key=score)
        member = min(changed, key=lambda other: changed[other])
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
    """Usage, and ops that merge: one of several equal ones costs nothing to lose."""
    return usage(member), sum(find_op(op).merges for op in member.ops)


def single_changes(architecture: Architecture) -> list[Architecture]:
    """All architectures that differ from one in one choice."""
    found = []
    for choice, taken in enumerate(architecture.indices):
        for op in range(len(architecture.space.ops)):
            indices = list(architecture.indices)
            indices[choice] = op
            if op != taken:
                try:
                    found.append(Architecture(architecture.space, tuple(indices)))
                except SettingsError:
                    continue  # it makes no network
    return found
