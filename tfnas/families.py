"""A whole family on one page: distinct members, what they cost, how good they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfnas.architecture import Architecture
from tfnas.costs import count_params
from tfnas.errors import RunError, SettingsError, TableError
from tfnas.family import front, sweep
from tfnas.files import read_json, write_json
from tfnas.member import priced
from tfnas.progress import bar
from tfnas.search import NEVER, Search
from tfnas.simplex import Budget, check_budget
from tfnas.space import CellSpace
from tfnas.table import LatencyTable

SCHEMA = 1

Score = Callable[[Architecture], float]


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
    members: Mapping[Architecture, Budget]
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
                "budget": self.members[member],
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
            members = {a: check_budget(row["budget"], space.ops) for a, row in rows}
            scores = {a: row["score"] for a, row in rows if row["score"] is not None}
            return cls(table, data["points"], members, scores)
        except (KeyError, TypeError, SettingsError) as error:
            raise RunError(f"{path} is damaged: {error}. Delete it.") from error


def find_family(
    search: Search, table: LatencyTable, score: Score, *, points: int, scored: int
) -> Family:
    """Sweep the simplex, and score members evenly from the fastest to the slowest.

    Args:
        search: A trained search.
        table: Prices of the device that members are for; an op that it bars is taken
            by none.
        score: Accuracy of a member.
        points: Points of the simplex to look at.
        scored: Members to score.
    """
    members = sweep(search.space, logits_for(search, table), points)
    family = Family(table, points, members, {})
    count = min(scored, len(members))
    picks = np.unique(np.linspace(0, len(members) - 1, count).round().astype(int))
    scores = {}
    with bar(len(picks), f"Scoring {len(picks)} of {len(members)} members") as progress:
        for index in picks:
            member = family.by_latency[index]
            scores[member] = score(member)
            progress.update()
    return Family(table, points, members, scores)


def logits_for(search: Search, table: LatencyTable) -> Callable[[Any], Any]:
    """The logits of a search at many points, for a device that may be another.

    Args:
        search: A trained search.
        table: Its ops that are not usable get logits so low that none is taken.
    """
    barred = np.where(table.usable(), 0, NEVER)
    return lambda points: search.alphas(points) + barred


def fastest(table: LatencyTable) -> Architecture:
    """The fastest network that moves of whole states lead to, from any op everywhere.

    Edges of one state may share an op and the sums after it, so all edges from a state
    take another op together, until no such move helps.

    Raises:
        TableError: If the ops that the target runs make no network.
    """
    space, usable = table.space, table.usable()
    starts = [
        np.where(usable[:, op], op, np.argmax(usable, axis=1))
        for op in range(len(space.ops))
    ]
    found = [network for start in starts if (network := _network(space, start))]
    if not found:
        raise TableError(f"The ops that {table.target} runs make no network: add one.")
    best, time = _least(found, table)
    while True:
        moves = [
            network
            for here in _from_one_state(space)
            for op in range(len(space.ops))
            if usable[here, op].all()
            and (network := _network(space, np.where(here, op, best.indices)))
        ]
        better, less = _least([best, *moves], table)
        if less >= time:
            return best
        best, time = better, less


def _least(
    networks: Sequence[Architecture], table: LatencyTable
) -> tuple[Architecture, float]:
    times = [table.predict(network).latency_ms for network in networks]
    return networks[int(np.argmin(times))], min(times)


def _from_one_state(space: CellSpace) -> list[NDArray[np.bool_]]:
    """The choices that start from each state of each kind of cell, as masks."""
    starts = [(choice.kind, choice.source) for choice in space.choices]
    return [np.array([one == start for one in starts]) for start in sorted({*starts})]


def _network(space: CellSpace, indices: Any) -> Architecture | None:
    """The network of these ops; None where `none` cuts every path."""
    try:
        return Architecture(space, tuple(map(int, indices)))
    except SettingsError:
        return None


def slowest(table: LatencyTable) -> Architecture:
    """The network of the ops that take longest, each at its choice; `none` is last."""
    empty = [op == "none" for op in table.space.ops]
    costs = np.where(table.usable(), table.matrix() - empty, -np.inf)
    return Architecture(table.space, tuple(map(int, np.argmax(costs, axis=1))))


def ranges(table: LatencyTable, draw: Callable[[], Architecture]) -> dict[str, Any]:
    """Least, median and most that networks of a space cost.

    Args:
        table: Prices; the least and the most are of the fastest network and of the ops
            that cost most at every choice.
        draw: Gives a random network; the median is that of 1,000.

    Returns:
        `latency_ms` and `params`, each with `min`, `median`, `max`.
    """
    drawn = [draw() for _ in range(1000)]
    ends = [fastest(table), slowest(table)]
    found = {}
    for name, cost in (
        ("latency_ms", lambda member: table.predict(member).latency_ms),
        ("params", count_params),
    ):
        all_costs = [cost(member) for member in (*drawn, *ends)]
        median = float(np.median([cost(member) for member in drawn]))
        found[name] = {"min": min(all_costs), "median": median, "max": max(all_costs)}
    return found
