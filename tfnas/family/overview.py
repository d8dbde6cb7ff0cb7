"""What `tfnas family` shows: the front of a family, and what its space costs."""

from typing import Any

from tfnas.family.extremes import space_ranges
from tfnas.family.limits import Request
from tfnas.family.member import untrained_bytes
from tfnas.family.selector import Selector
from tfnas.latency.table import LatencyTable
from tfnas.search.run import Run


def show_family(
    run: Run,
    table: LatencyTable | None,
    points: int | None,
    scored: int | None,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """The front of a run's family, and what its space costs.

    Args:
        run: A searched run.
        table: Prices of another device.
        points: Points of the simplex to look at.
        scored: Members to score.
        overwrite: Replace the file where it holds others.

    Returns:
        The file, the ranges of the space, counts, and the front with bytes of each.
    """
    selector = Selector(run, table)
    family = selector.family(points, scored, overwrite=overwrite)
    members = [
        selector.member(member, family.members[member], Request(family.members[member]))
        for member in family.front
    ]
    front = [
        {**member.facts(), **untrained_bytes(member), "score": family.scores[one]}
        for one, member in zip(family.front, members, strict=True)
    ]
    return {
        "family": str(selector.path),
        "target": selector.table.target,
        "table_kind": selector.table.kind,
        "ranges": space_ranges(selector.table),
        "points": family.points,
        "members": len(family.members),
        "scored": len(family.scores),
        "front": front,
    }
