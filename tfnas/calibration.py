"""From sums of table entries to milliseconds of whole networks, with an interval."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import TableError

COVERAGE = 0.9


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a table expects of a whole network, in milliseconds.

    Attributes:
        latency_ms: The expectation.
        low_ms: Lower end of the interval that holds 90 % of such networks.
        high_ms: Upper end of it.
    """

    latency_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True)
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
        told = (*numbers, *self.heldout_predicted_ms, *rounds)
        if not all(math.isfinite(number) for number in told):
            raise TableError("The calibration holds a number that is not finite.")
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
    def relative_errors(self) -> NDArray[np.float64]:
        """`|measured / predicted - 1|` of every held-out network."""
        measured = np.array(self.heldout_measured_ms)
        predicted = np.array(self.heldout_predicted_ms)
        errors: NDArray[np.float64] = np.abs(measured / predicted - 1)
        return errors

    @property
    def median_error(self) -> float:
        """Median relative error on the held-out networks."""
        return float(np.median(self.relative_errors))

    @property
    def spearman(self) -> float:
        """Rank correlation of predicted and measured on the held-out networks."""
        return spearman(self.heldout_predicted_ms, self.heldout_measured_ms)

    @property
    def interval(self) -> float:
        """Relative half-width that holds 90 % of networks and 90 % of single rounds.

        The first is what a table is wrong by, the second also how much a device is not
        the same from one moment to the next; the larger of the two counts.
        """
        pairs = zip(self.heldout_predicted_ms, self.heldout_rounds_ms, strict=True)
        looks = [
            abs(ms / predicted - 1) for predicted, all_ms in pairs for ms in all_ms
        ]
        return max(conformal(self.relative_errors), conformal(looks))


def conformal(errors: Iterable[float]) -> float:
    """What 90 % of errors stay below: that of rank `ceil(0.9 (n + 1))` among n.

    The largest where n is too small for that (arXiv 1604.04173, section 2.2).
    """
    ranked = sorted(map(float, errors))
    rank = math.ceil(COVERAGE * (len(ranked) + 1))
    return ranked[min(rank, len(ranked)) - 1]


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
