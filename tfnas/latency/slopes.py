"""What one more op costs, told from models that hold it once, twice, four, eight times.

Where a call or the way to the device costs as much as the op, the time of one op alone
says little. The slope over the number of copies has neither in it.
"""

from collections.abc import Mapping

import numpy as np

from tfnas.targets.measurement import Measurement


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
