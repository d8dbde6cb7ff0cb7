"""From sums of table entries to milliseconds of whole networks, with an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import TableError

BEYOND = 0.05  # the share above the upper end of an interval, and below the lower


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a table expects of a whole network, in milliseconds.

    Attributes:
        latency_ms: The expectation.
        low_ms: What 1 in 20 such networks is faster than.
        high_ms: What 1 in 20 such networks is slower than.
    """

    latency_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True)
class Calibration:
    """How sums of table entries become milliseconds of whole networks.

    Attributes:
        offset_ms: `b` of `predicted = b + s * (skeleton + sum of table entries)`.
        scale: `s` of it.
        fitted_on: Whole networks whose measured times gave `b` and `s`.
        heldout_predicted_ms: Predictions for networks that were not used for the fit.
        heldout_rounds_ms: What the target measured for them: the median of each round,
            or the one number of an estimate.
    """

    offset_ms: float
    scale: float
    fitted_on: int
    heldout_predicted_ms: tuple[float, ...]
    heldout_rounds_ms: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        numbers = (self.offset_ms, self.scale)
        rounds = [ms for rounds in self.heldout_rounds_ms for ms in rounds]
        times = (*self.heldout_predicted_ms, *rounds)
        if not all(math.isfinite(number) for number in (*numbers, *times)):
            raise TableError("The calibration holds a number that is not finite.")
        if 0 in (self.scale, *times):
            raise TableError("The calibration holds a time or a scale of 0.")
        counts = (len(self.heldout_predicted_ms), len(self.heldout_rounds_ms))
        if counts[0] != counts[1] or not all(self.heldout_rounds_ms) or not rounds:
            raise TableError(
                f"A calibration needs held-out networks, predicted and measured, got "
                f"{counts[0]} and {counts[1]}."
            )

    @property
    def heldout_measured_ms(self) -> tuple[float, ...]:
        """What the target measured for the held-out networks."""
        return tuple(map(median, self.heldout_rounds_ms))

    @property
    def errors(self) -> NDArray[np.float64]:
        """`measured / predicted - 1` of every held-out network."""
        measured = np.array(self.heldout_measured_ms)
        predicted = np.array(self.heldout_predicted_ms)
        errors: NDArray[np.float64] = measured / predicted - 1
        return errors

    @property
    def median_error(self) -> float:
        """Median relative error on the held-out networks."""
        return float(np.median(np.abs(self.errors)))

    @property
    def spearman(self) -> float:
        """Rank correlation of predicted and measured on the held-out networks."""
        return spearman(self.heldout_predicted_ms, self.heldout_measured_ms)

    @cached_property
    def interval(self) -> tuple[float, float]:
        """How far below and above a prediction 90 % lie: 1 in 20 beyond either end.

        Of networks, that is what a table is wrong by; of single rounds, also how much a
        device is not the same from one moment to the next, which makes it slower more
        often than faster. The wider counts.

        Returns:
            Shares of the prediction, both at least 0.
        """
        pairs = zip(self.heldout_predicted_ms, self.heldout_rounds_ms, strict=True)
        rounds = [ms / predicted - 1 for predicted, all_ms in pairs for ms in all_ms]
        networks = self.errors.tolist()
        above = max(0.0, upper_end(networks), upper_end(rounds))
        below = max(0.0, lower_end(networks), lower_end(rounds))
        return below, above


def upper_end(errors: Sequence[float]) -> float:
    """What 1 in 20 errors exceeds: that of rank `ceil(0.95 (n + 1))` among n.

    The largest where n is too small for that. Of exchangeable errors, such as networks
    drawn alike, it is a bound (split conformal, arXiv 1604.04173, section 2.2).
    """
    rank = math.ceil((1 - BEYOND) * (len(errors) + 1))
    return sorted(errors)[min(rank, len(errors)) - 1]


def lower_end(errors: Sequence[float]) -> float:
    """The same of the other end: how far below 0 the lowest 1 in 20 errors lie."""
    return upper_end([-error for error in errors])


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation of two lists, from -1 to 1; equal values share a rank."""
    columns = [np.asarray(values)[:, None] for values in (first, second)]
    ranks = [np.sum((v > v.T) + (v == v.T) / 2, axis=1) for v in columns]
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def calibrate(
    sums_ms: Sequence[float], measured_ms: Sequence[float]
) -> tuple[float, float]:
    """Offset and scale of a line through whole networks (Theil 1950, Sen 1968).

    The slope is the median over all pairs, so that a network measured in a busy moment
    does not bend the line.

    Args:
        sums_ms: `skeleton + sum of table entries` of whole networks.
        measured_ms: Their measured times.

    Returns:
        `b` and `s` of `measured = b + s * sum`.

    Raises:
        TableError: If all networks cost the same, so that no line can be drawn.
    """
    sums, measured = np.array(sums_ms), np.array(measured_ms)
    first, second = np.triu_indices(len(sums), 1)
    run, rise = sums[second] - sums[first], measured[second] - measured[first]
    if not run.any():
        raise TableError("The networks to calibrate on all cost the same. Add an op.")
    scale = float(np.median(rise[run != 0] / run[run != 0]))
    return float(np.median(measured - scale * sums)), scale


def calibration(
    pairs: Sequence[tuple[float, tuple[float, ...]]], fit: int
) -> Calibration:
    """Draw the line through the first networks, and hold the others out.

    Args:
        pairs: `skeleton + sum of table entries` of networks and what was measured in
            each round, in ms.
        fit: How many give the line.

    Raises:
        TableError: If they are too few, or all cost the same.
    """
    if fit < 2:
        raise TableError("Too few networks run whole on the target to calibrate on.")
    sums, rounds = zip(*pairs, strict=True)
    offset, scale = calibrate(sums[:fit], [*map(median, rounds[:fit])])
    predicted = tuple(offset + scale * value for value in sums[fit:])
    return Calibration(offset, scale, fit, predicted, rounds[fit:])
