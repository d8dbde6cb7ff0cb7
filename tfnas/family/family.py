"""A whole family on one page: distinct members, what they cost, how good they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from tfnas.errors import RunError, SettingsError
from tfnas.family.member import Score, priced, scores_of
from tfnas.latency.table import LatencyTable
from tfnas.search.derive import POINTS, Logits, derive, sweep
from tfnas.search.hypernetwork import NEVER
from tfnas.search.search import Search
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Point, check_budget
from tfnas.support.files import read_json, refuse_overwrite, write_json

SCHEMA = 2
SCORED = 100


@dataclass(frozen=True)
class Family:
    """The distinct members of one search, priced for one device.

    Attributes:
        table: The prices; its space is theirs.
        points: Points of the simplex that were looked at.
        members: Each with a point that gives it.
        scores: Of some of them the accuracy with the supernet's weights.
    """

    table: LatencyTable
    points: int
    members: Mapping[Architecture, Point]
    scores: Mapping[Architecture, float]

    @cached_property
    def by_latency(self) -> list[Architecture]:
        """All members, the fastest first."""
        return sorted(
            self.members, key=lambda member: self.table.predict(member).latency_ms
        )

    @property
    def front(self) -> list[Architecture]:
        """Scored members that none beats in time and score, the fastest first."""
        scored = [*self.scores]
        costs = [self.table.predict(member).latency_ms for member in scored]
        return [scored[i] for i in front(costs, [*self.scores.values()])]

    def save(self, path: Path) -> None:
        """Write it as JSON, the fastest member first."""
        best = set(self.front)
        rows = [
            {
                "budget": self.members[member].budget,
                "strength": self.members[member].strength,
                "indices": member.indices,
                "op_counts": member.op_counts,
                **priced(member, self.table),
                "score": self.scores.get(member),
                "on_front": member in best,
            }
            for member in self.by_latency
        ]
        header = {
            "schema": SCHEMA,
            "table": self.table.fingerprint,
            "target": self.table.target,
            "points": self.points,
        }
        write_json(path, {**header, "members": rows})

    @classmethod
    def load(cls, path: Path, table: LatencyTable) -> Self:
        """Read what `save` wrote.

        Raises:
            RunError: If the file is damaged, or of other prices or another version.
        """
        data = read_json(path, "family", RunError)
        try:
            if (data["schema"], data["table"]) != (SCHEMA, table.fingerprint):
                raise RunError(f"{path} is of another table or version. Delete it.")
            space = table.space
            rows = [
                (Architecture(space, tuple(row["indices"])), row)
                for row in data["members"]
            ]
            members = {
                a: Point(
                    check_budget(row["budget"], space.axes), float(row["strength"])
                )
                for a, row in rows
            }
            scores = {a: row["score"] for a, row in rows if row["score"] is not None}
            return cls(table, data["points"], members, scores)
        except (KeyError, TypeError, ValueError, SettingsError) as error:
            raise RunError(f"{path} is damaged: {error}. Delete it.") from error


def kept_family(
    path: Path, table: LatencyTable, points: int | None, scored: int | None
) -> Family | None:
    """The family of a file, where it is the one that is asked for; None without a file.

    Args:
        path: The file.
        table: The prices.
        points: Points of the simplex that it must have looked at; None for any number.
        scored: Members that it must have scored, or all where it has fewer.

    Raises:
        TfnasError: If the file holds another family.
    """
    if not path.exists():
        return None
    kept = Family.load(path, table)
    most = min(scored or len(kept.scores), len(kept.members))
    if (points or kept.points, most) != (kept.points, len(kept.scores)):
        refuse_overwrite(path, overwrite=False)
    return kept


def find_family(
    search: Search,
    table: LatencyTable,
    score: Score,
    points: int | None = None,
    scored: int | None = None,
) -> Family:
    """Sweep the simplex, and score members evenly from the fastest to the slowest.

    Args:
        search: A trained search.
        table: Prices of the device that members are for; an op that it bars is taken
            by none.
        score: Accuracy of a member.
        points: Points of the simplex to look at, 2,000 by default.
        scored: Members to score, 100 by default.
    """
    points = points or POINTS
    logits = logits_for(search, table)
    members = sweep(search.space, logits, search.config, points)
    family = Family(table, points, members, {})
    count = min(scored or SCORED, len(members))
    picks = np.unique(np.linspace(0, len(members) - 1, count).round().astype(int))
    picked = [family.by_latency[index] for index in picks]
    title = f"Scoring {len(picks)} of {len(members)} members"
    return Family(table, points, members, scores_of(picked, score, title))


def logits_for(search: Search, table: LatencyTable) -> Logits:
    """The logits of a search at many points, for a device that may be another.

    Args:
        search: A trained search.
        table: Its ops that are not usable get logits so low that none is taken.
    """
    barred = np.where(table.usable(), 0, NEVER)
    return lambda points, levels: search.alphas(points, levels) + barred


def front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Positions that no other beats in cost and score together, cheapest first.

    Args:
        costs: The less the better.
        scores: The more the better.
    """
    best, kept = -np.inf, []
    for index in sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i])):
        if scores[index] > best:
            best = scores[index]
            kept.append(index)
    return kept


def member_at(search: Search, table: LatencyTable, point: Point) -> Architecture:
    """The member at a point, with no op that the device of a table bars."""
    budget = np.array([point.budget], np.float32)
    level = np.array([search.config.level(point.strength)], np.float32)
    logits = logits_for(search, table)(budget, level)
    return derive(search.space, logits[0])
