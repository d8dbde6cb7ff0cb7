"""A good network in, one that no single change makes better out."""

from collections.abc import Callable

from tfnas.family.member import Scores, scores_of
from tfnas.family.repair import single_changes
from tfnas.spaces.architecture import Architecture

# Of the changes of a step, so many are compared on all images.
_COMPARED = 8
Keeps = Callable[[Architecture], bool]


def climbed(
    member: Architecture, keeps: Keeps, passes: Keeps, score: Scores
) -> Architecture:
    """Change single choices while that scores better on all images.

    A hypernetwork says what ops are worth everywhere at once; which of two networks
    next to each other is better, the supernet's weights tell themselves. (Evolution
    over a supernet, arXiv 1904.00420, section 3.4, from a start that is good.)

    Args:
        member: Where to begin.
        keeps: Whether a network keeps the limits, as far as is known at once.
        passes: Whether it keeps those that take longer to tell.
        score: Accuracy of a network with the supernet's weights.
    """
    best = score.fully(member)
    while True:
        others = [other for other in single_changes(member) if keeps(other)]
        quick = scores_of(others, score, "Trying single changes")
        near = sorted(others, key=quick.__getitem__, reverse=True)[:_COMPARED]
        full = {one: score.fully(one) for one in near}
        better = [one for one in near if full[one] > best]
        better.sort(key=full.__getitem__, reverse=True)
        step = next(filter(passes, better), None)
        if step is None:
            return member
        member, best = step, full[step]
