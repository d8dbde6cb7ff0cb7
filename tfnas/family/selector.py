"""A searched run and requests in, the members for them out."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfnas.data.dataset import Dataset
from tfnas.data.halves import search_halves
from tfnas.data.load import load
from tfnas.errors import LimitError
from tfnas.family.choose import best_within
from tfnas.family.extremes import fastest, space_ranges
from tfnas.family.family import Family, find_family, logits_for
from tfnas.family.limits import Limits, Request
from tfnas.family.member import Member, priced, require_untrained, untrained_bytes
from tfnas.family.repair import repaired, usage_of
from tfnas.family.scorer import Scorer
from tfnas.latency.table import LatencyTable
from tfnas.search.derive import POINTS, derive, differences
from tfnas.search.run import Run
from tfnas.search.search import load_search
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Budget
from tfnas.support.files import refuse_overwrite, slug

SCORED = 100


class Selector:
    """Selects members of a run, for the device of a table that may be another.

    Args:
        run: A searched run.
        table: Prices to choose by; those of the search where None.
        skip_bad_images: Leave out images that cannot be read, as the search may have.

    Raises:
        TableError: If the table is of another space.
    """

    def __init__(
        self,
        run: Run,
        table: LatencyTable | None = None,
        skip_bad_images: bool = False,
    ) -> None:
        self.run = run
        self.skip_bad_images = skip_bad_images
        self.search = load_search(run)
        self.table = table or self.search.table
        self.table.require(self.search.space)
        self.path: Path = run.path / "family.json"
        if self.table != self.search.table:
            which = f"{slug(self.table.target)}-{self.table.fingerprint}"
            self.path = run.path / f"family-{which}.json"

    @cached_property
    def data(self) -> Dataset:
        """What the search was given."""
        config, shape = self.run.load_config(), self.search.space.input_shape
        return load(config.data, shape, self.skip_bad_images or config.skip_bad_images)

    @cached_property
    def score(self) -> Scorer:
        """Scores members on images that the search has not seen."""
        config = self.run.load_config()
        halves = search_halves(self.data, config.batch_size, config.seed)
        return Scorer(self.search, halves.held_out)

    def family(
        self,
        points: int | None = None,
        scored: int | None = None,
        *,
        overwrite: bool = False,
    ) -> Family:
        """The family, from its file where that holds it, else swept and scored.

        Args:
            points: Points of the simplex to look at; 2,000 where there is no file.
            scored: Members to score; 100 where there is no file.
            overwrite: Sweep again.

        Raises:
            TfnasError: If the file holds another family, and `overwrite` is false.
        """
        if self.path.exists() and not overwrite:
            kept = Family.load(self.path, self.table)
            asked = (points or kept.points, scored or len(kept.scores))
            if asked == (kept.points, len(kept.scores)):
                return kept
            refuse_overwrite(self.path, overwrite)
        family = find_family(
            *(self.search, self.table, self.score),
            points=points or POINTS,
            scored=scored or SCORED,
        )
        family.save(self.path)
        return family

    def take(self, request: Request) -> Member:
        """The member for one request.

        Raises:
            LimitError: If none keeps the limits, or none near the point does.
        """
        if request.budget is not None:
            chosen = self._near(request.budget, request.limits)
            return self.member(chosen, request.budget, request)
        family = self.family()

        def check(found: Architecture, budget: Budget) -> None:
            require_untrained(self.member(found, budget, request))

        score = self.score
        found = best_within(family, request.limits, score, score.images, check)
        return self.member(*found, request)

    def _near(self, budget: Budget, limits: Limits) -> Architecture:
        """The member at a point, repaired where it breaks a limit."""
        member = self.at(budget)
        usage = usage_of(limits, self.table)
        found = repaired(member, usage, fastest(self.table))
        if found is None:
            limits.require(priced(member, self.table), "The member at this budget")
            raise LimitError("No network near this budget keeps the limits.")
        return found

    def at(self, budget: Budget) -> Architecture:
        """The member at a point, with no op that the device bars."""
        logits = logits_for(self.search, self.table)(np.array([budget], np.float32))
        return derive(self.search.space, logits[0])

    def member(self, chosen: Architecture, budget: Budget, request: Request) -> Member:
        """A network with where it came from."""
        before, searched = self.at(budget), self.search.table
        return Member(
            chosen,
            budget,
            self.table,
            request.limits,
            by_budget=request.budget is not None,
            repaired=differences(before.indices, chosen.indices),
            searched_for={"target": searched.target, **searched.device},
        )


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
