"""A row of a latency table: the times of one site, summarized.

Where a call or the way to the device costs as much as an op, the time of one op alone
says little. Then it is told from models that hold the op once, twice, four, eight
times: the slope over the number of copies has neither in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tfnas.targets.measurement import Measurement

BELOW_RESOLUTION_MS = 0.005


@dataclass(frozen=True, slots=True)
class Row:
    """Times of one site.

    Attributes:
        median_ms: Milliseconds of one inference at batch size 1; what a search reads.
        min_ms: Fastest run.
        p10_ms: First decile of the runs.
        p90_ms: Last decile of the runs.
        runs: Timed runs; 0 where the op puts nothing into the deployed network.
        arena_bytes: Memory for activations, or None where the target cannot tell.
        flags: `"below_resolution"`, `"no_op"`, and those of a `Measurement`.
        residual_ms: Where times are slopes over copies of the op: how far the copies'
            times lie from their line at most.
    """

    median_ms: float
    min_ms: float
    p10_ms: float
    p90_ms: float
    runs: int
    arena_bytes: int | None = None
    flags: tuple[str, ...] = ()
    residual_ms: float | None = None


def row_of(timed: Measurement | None, call_ms: float = 0.0) -> Row:
    """Summarize timed runs; no measurement stands for an op that costs nothing.

    Args:
        timed: The runs.
        call_ms: What a call costs that no op causes; it is taken off.
    """
    if timed is None:
        return Row(0.0, 0.0, 0.0, 0.0, 0, flags=("no_op",))
    runs_ms = [max(0.0, ms - call_ms) for ms in timed.runs_ms]
    median = float(np.median(runs_ms))
    low, high = (float(np.quantile(runs_ms, q)) for q in (0.1, 0.9))
    small = ("below_resolution",) if median < BELOW_RESOLUTION_MS else ()
    return Row(
        median,
        min(runs_ms),
        low,
        high,
        len(runs_ms),
        timed.arena_bytes,
        timed.flags + small,
        timed.residual_ms,
    )


def slope(timed: Mapping[int, Measurement]) -> Measurement:
    """Milliseconds that each further copy of an op adds, by least squares.

    Args:
        timed: Measurements by number of copies; with one number, that measurement.

    Returns:
        One slope for every run, the memory of the fewest copies, all flags, and how far
        the medians lie from their line at most.
    """
    copies = sorted(timed)
    first = timed[copies[0]]
    if len(copies) == 1:
        return first
    flags = dict.fromkeys(flag for one in timed.values() for flag in one.flags)
    runs = min(len(one.runs_ms) for one in timed.values())
    times_ms = np.array([timed[number].runs_ms[:runs] for number in copies])
    medians = np.array([timed[number].median_ms for number in copies])
    per_copy, call = np.polyfit(copies, medians, 1)
    return Measurement(
        tuple(map(float, np.polyfit(copies, times_ms, 1)[0])),
        first.arena_bytes,
        tuple(flags),
        residual_ms=float(np.max(np.abs(call + per_copy * np.array(copies) - medians))),
    )
