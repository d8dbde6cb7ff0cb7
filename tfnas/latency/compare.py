"""Two tables beside each other, or made one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from statistics import median
from typing import Any

from tfnas.errors import TableError
from tfnas.latency.calibration import Calibration, calibration, fit_of, spearman
from tfnas.latency.table import LatencyTable
from tfnas.spaces.site import Site


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two tables beside each other.

    Attributes:
        ratios: Second over first, for every site that both measured as more than free.
        spearman: Rank correlation of those times.
        differences: Header facts that differ: what the first and the second say.
    """

    ratios: Mapping[Site, float]
    spearman: float
    differences: Mapping[str, tuple[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "sites": {str(site): ratio for site, ratio in self.ratios.items()},
            "median_ratio": median(self.ratios.values()),
            "spearman": self.spearman,
            "differences": dict(self.differences),
        }


def compare(first: LatencyTable, second: LatencyTable) -> Comparison:
    """Set two tables beside each other, site by site.

    Raises:
        TableError: If they share fewer than two sites that cost something.
    """
    shared = [
        site
        for site, row in first.rows.items()
        if row.median_ms > 0 and site in second.rows and second.rows[site].median_ms > 0
    ]
    if len(shared) < 2:
        raise TableError("The tables share fewer than two sites that cost something.")
    times = [[table.rows[s].median_ms for s in shared] for table in (first, second)]
    headers = [
        {"kind": t.kind, "target": t.target, "date": t.date, **t.device}
        for t in (first, second)
    ]
    names = {**headers[0], **headers[1]}
    said = {name: tuple(str(h.get(name, "-")) for h in headers) for name in names}
    return Comparison(
        {s: b / a for s, a, b in zip(shared, *times, strict=True)},
        spearman(*times),
        {name: (a, b) for name, (a, b) in said.items() if a != b},
    )


def merge(first: LatencyTable, second: LatencyTable) -> LatencyTable:
    """One table of two that one device gave for one space, or for other ops of it.

    A site that both have keeps the times of the later table. The line through whole
    networks is drawn anew: half of the networks that each table held out give it, or
    fewer, so that enough of them are held out again.

    Args:
        first: A table.
        second: Another; its ops come after those of the first.

    Raises:
        TableError: If kind, device, precision or anything of the space but its ops
            differs, or the line through the networks of both is of no use.
    """
    facts = [
        {"kind": t.kind, "target": t.target, "precision": t.precision, **t.device}
        for t in (first, second)
    ]
    spaces = [{**t.space.to_dict(), "ops": "any"} for t in (first, second)]
    headers = [
        {**fact, **space, "kind": fact["kind"]}
        for fact, space in zip(facts, spaces, strict=True)
    ]
    for name in {**headers[0], **headers[1]}:
        a, b = (header.get(name, "nothing") for header in headers)
        if a != b:
            raise TableError(f"These tables must not be merged: {name} is {a} and {b}")
    older, newer = sorted((first, second), key=lambda table: table.date)
    ops = tuple(dict.fromkeys((*first.space.ops, *second.space.ops)))
    return replace(
        newer,
        space=newer.space.changed(ops=ops),
        rows={**older.rows, **newer.rows},
        calibration=_recalibrated([older, newer], newer.skeleton_ms),
    )


def _recalibrated(tables: list[LatencyTable], skeleton_ms: float) -> Calibration:
    both = zip_longest(*(_heldout(table, skeleton_ms) for table in tables))
    pairs = [pair for turn in both for pair in turn if pair]
    return calibration(pairs, fit_of(len(pairs), len(pairs) // 2))


def _heldout(
    table: LatencyTable, skeleton_ms: float
) -> list[tuple[float, tuple[float, ...]]]:
    """Sums of the networks that a table held out, and what each round measured, in ms.

    Args:
        table: Has another skeleton.
        skeleton_ms: The one that the sums are to have.
    """
    fit, moved = table.calibration, skeleton_ms - table.skeleton_ms
    sums = [(p - fit.offset_ms) / fit.scale for p in fit.heldout_predicted_ms]
    moved_sums = [total + moved for total in sums]
    return [*zip(moved_sums, fit.heldout_rounds_ms, strict=True)]
