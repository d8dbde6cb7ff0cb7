"""A searched run and requests in, the members for them out."""

from functools import cached_property
from operator import ne

from tfnas.data.dataset import Dataset
from tfnas.data.load import load_source
from tfnas.data.source import Source
from tfnas.family.choose import best_within, near
from tfnas.family.family import Family, find_family, kept_family, member_at
from tfnas.family.limits import Request
from tfnas.family.member import Member, require_untrained
from tfnas.family.scorer import Scorer
from tfnas.latency.table import LatencyTable
from tfnas.search.run import Run
from tfnas.search.search import Search, make_search
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Point


class Selector:
    """Selects members of a run, for the device of a table that may be another.

    Args:
        run: A searched run.
        table: Prices to choose by; those of the search where None.
        source: The data of the search; as the run remembers it where None.

    Raises:
        TableError: If the table is of another space.
    """

    def __init__(
        self,
        run: Run,
        table: LatencyTable | None = None,
        source: Source | None = None,
    ) -> None:
        self.run = run
        self.search = load_search(run)
        self.source = source or self.search.config.source
        self.table = table or self.search.table
        self.table.require(self.search.space)
        self.path = run.family(self.table)

    @cached_property
    def data(self) -> Dataset:
        """What the search was given."""
        data = load_source(self.source, self.search.space.input_shape)
        self.run.check_images(data.fingerprint)
        return data

    @cached_property
    def score(self) -> Scorer:
        """Scores members on images that the search has not seen."""
        return Scorer(self.search, self.data)

    def _score(self, member: Architecture) -> float:
        return self.score(member)  # data are loaded only where something is scored

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
        kept = None if overwrite else kept_family(self.path, self.table, points, scored)
        if kept is not None:
            return kept
        family = find_family(self.search, self.table, self.score, points, scored)
        family.save(self.path)
        return family

    def take(self, request: Request) -> Member:
        """The member for one request.

        Raises:
            LimitError: If none keeps the limits, or none near the point does.
        """
        if request.point is not None:
            chosen = near(
                self.at(request.point), request.limits, self.table, self._score
            )
            return self.member(chosen, request.point, request)
        family = self.family()

        def check(found: Architecture, point: Point) -> None:
            require_untrained(self.member(found, point, request))

        found = best_within(family, request.limits, self.score, check)
        return self.member(*found, request)

    def at(self, point: Point) -> Architecture:
        """The member at a point, with no op that the device bars."""
        return member_at(self.search, self.table, point)

    def member(self, chosen: Architecture, point: Point, request: Request) -> Member:
        """A network with where it came from."""
        before, searched = self.at(point), self.search.table
        return Member(
            chosen,
            point,
            self.table,
            request.limits,
            by_point=request.point is not None,
            changed=sum(map(ne, before.indices, chosen.indices)),
            searched_for={"target": searched.target, **searched.device},
        )


def load_search(run: Run) -> Search:
    """The search of a run with its trained weights, ready to derive members.

    Raises:
        RunError: If the run has not ended an epoch, or is of another version.
    """
    config, table = run.load_config(), run.load_table()
    run.require_searched()
    search = make_search(config, table, steps=1)
    search.supernet.load_weights(run.supernet)
    search.hypernetwork.load_weights(run.hypernetwork)
    return search
