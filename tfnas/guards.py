"""What a search watches for: collapse, no more progress, numbers that are none."""

import math
from collections.abc import Mapping, Sequence

from tfnas.errors import SearchError

# Identity and pool have few weights of their own or none. DARTS-like searches are known
# to drift to them while their weights are still better than those of convolutions.
LIGHT_OPS = ("skip_connect", "max_pool_3x3", "avg_pool_3x3", "none")
COLLAPSE_SHARE = 0.85


def collapse_warning(shares: Mapping[str, float]) -> str | None:
    """A sentence, if identities, pools or `none` have taken most choices.

    Args:
        shares: Share of the choices that each op takes at the uniform point.
    """
    light = {op: share for op, share in shares.items() if op in LIGHT_OPS}
    if (total := sum(light.values())) <= COLLAPSE_SHARE:
        return None
    return (
        f"{' and '.join(light)} have {total:.0%} of the choices at equal prices: the "
        "search may have collapsed. A longer warm-up or lower price weights help."
    )


def out_of_patience(scores: Sequence[float], patience: int) -> bool:
    """Whether the best score is more than `patience` epochs old; 0 waits forever.

    Args:
        scores: One per epoch, the larger the better.
        patience: Epochs to wait for a better one.
    """
    if not scores or patience == 0:
        return False
    best = max(range(len(scores)), key=lambda epoch: scores[epoch])
    return len(scores) - 1 - best >= patience


def refuse_nan(facts: Mapping[str, float], where: str) -> None:
    """Stop before what is no number is saved.

    Args:
        facts: Scalars of a step.
        where: The step, for the message.

    Raises:
        SearchError: If a fact is infinite or not a number.
    """
    for name, value in facts.items():
        if not math.isfinite(value):
            raise SearchError(
                f"{name} became {value} after {where}. The last checkpoint before it "
                "is kept: members can be derived from it if an epoch had ended. "
                "Search again with a lower weight_lr, in a file for --config."
            )
