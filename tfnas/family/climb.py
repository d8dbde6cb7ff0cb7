"""A good network in, one that no single change makes better out."""

from collections.abc import Callable
from typing import Protocol

from tfnas.family.repair import single_changes
from tfnas.spaces.architecture import Architecture
from tfnas.support.progress import bar

# Of the changes of a step, so many are compared on all images.
_COMPARED = 8
Keeps = Callable[[Architecture], bool]


class Scores(Protocol):
    """How good members are: a quick look, and one at all images."""

    def __call__(self, member: Architecture) -> float:
        """Accuracy on few images."""

    def fully(self, member: Architecture) -> float:
        """Accuracy on all images."""


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
    while True:
        others = [other for other in single_changes(member) if keeps(other)]
        with bar(len(others), "Trying single changes", delay_s=1) as progress:
            quick = {}
            for other in others:
                quick[other] = score(other)
                progress.update()
        near = sorted(others, key=quick.__getitem__, reverse=True)[:_COMPARED]
        better = [one for one in near if score.fully(one) > score.fully(member)]
        better.sort(key=score.fully, reverse=True)
        step = next(filter(passes, better), None)
        if step is None:
            return member
        member = step
