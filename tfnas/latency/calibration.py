"""From sums of table entries to milliseconds of whole networks, with an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import TableError
from tfnas.support.units import interval_text

BEYOND = 0.05  # the share above the upper end of an interval, and below the lower
ENOUGH = 19  # held-out networks, of which an end leaves that share: 1 / (19 + 1)
LEAST_SCALE, LEAST_SPEARMAN = 0.1, 0.5  # of a calibration that is used
_FEWEST = 8  # networks that give a line, for the sake of those that are held out
_AGAIN = (
    "Measure again, while the device does nothing else. If that gives the same, the "
    "target hardly tells these networks apart: take a larger space."
)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a table expects of a whole network, in milliseconds.

    Attributes:
        latency_ms: The expectation.
        low_ms: What a share of such networks, `Calibration.beyond`, is faster than.
        high_ms: What the same share of such networks is slower than.
    """

    latency_ms: float
    low_ms: float
    high_ms: float

    def __str__(self) -> str:
        return interval_text(self.latency_ms, self.low_ms, self.high_ms)


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

    Raises:
        TableError: If it is damaged, or of no use; see `require_sense`.
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
            raise TableError(f"The calibration holds a time or a scale of 0. {_AGAIN}")
        counts = (len(self.heldout_predicted_ms), len(self.heldout_rounds_ms))
        if counts[0] != counts[1] or not all(self.heldout_rounds_ms) or not rounds:
            raise TableError(
                f"A calibration needs held-out networks, predicted and measured, got "
                f"{counts[0]} and {counts[1]}."
            )
        require_sense(self)

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

    @property
    def beyond(self) -> float:
        """The share of networks above the interval, and the share below it, at most.

        1 in 20, or `1 / (n + 1)` of n held-out networks where those are fewer than 19:
        their largest error is the end then, and a fresh network is as likely as each of
        them to have a larger one. It is kept on average over calibrations; of a single
        one, the share varies by about as much (Beta(1, n) for n of at most 19).
        """
        return max(BEYOND, 1 / (len(self.heldout_predicted_ms) + 1))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """How far networks lie below and above a prediction, all but `beyond` each.

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


def require_sense(fit: Calibration) -> None:
    """Refuse a calibration that predicts nothing, as one of a busy machine may be.

    A network costs about the sum of its sites, so that the scale of a good table is
    near 1 (0.95 to 1.01 of those that are shipped). Below 0.1, what the sites were
    measured at is hardly seen in a network, and all networks are predicted alike.

    Held-out networks must be ordered as predicted, with a rank correlation of 0.5 or
    more. The tables that are shipped have 0.97 to 1; luck gives 0.5 to 1 in 63 tables
    of 19 held-out networks, to 1 in 20 of 12 and to 1 in 4 of 5 (random orders).

    Where networks truly cost alike, as on a target that is slow to call and fast to
    run, rounds of measuring differ by more than networks do, and the table is refused
    as well: it tells no network from another, so that nothing can be chosen by it.

    Raises:
        TableError: If the calibration is of no use.
    """
    if fit.scale < LEAST_SCALE:
        fault = f"its scale is {fit.scale:.2g}, which must be {LEAST_SCALE} or more"
    elif min(fit.heldout_predicted_ms) < 0:
        fault = f"it predicts {min(fit.heldout_predicted_ms):.2g} ms for a network"
    elif fit.spearman < LEAST_SPEARMAN:
        fault = f"the rank correlation of predicted and measured is {fit.spearman:.2f}"
        fault += f", which must be {LEAST_SPEARMAN} or more"
    else:
        return
    measured = fit.heldout_measured_ms
    raise TableError(
        f"The calibration on whole networks is of no use: {fault}. The "
        f"{len(measured)} held-out networks took {min(measured):.4g} to "
        f"{max(measured):.4g} ms. {_AGAIN}"
    )


def upper_end(errors: Sequence[float]) -> float:
    """What 1 in 20 errors exceeds: that of rank `ceil(0.95 (n + 1))` among n.

    The largest where n is below 19, too small for that: then 1 in `n + 1` exceeds it.
    Of exchangeable errors, such as networks drawn alike, it is a bound (split
    conformal, arXiv 1604.04173, section 2.2).
    """
    rank = math.ceil((1 - BEYOND) * (len(errors) + 1))
    return sorted(errors)[min(rank, len(errors)) - 1]


def lower_end(errors: Sequence[float]) -> float:
    """The same of the other end: how far below 0 the lowest 1 in 20 errors lie."""
    return upper_end([-error for error in errors])


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation of two lists, from -1 to 1; equal values share a rank.

    0 where one of the lists has no order, since all its values are equal.
    """
    columns = [np.asarray(values)[:, None] for values in (first, second)]
    ranks = [np.sum((v > v.T) + (v == v.T) / 2, axis=1) for v in columns]
    a, b = (rank - rank.mean() for rank in ranks)
    norm = math.sqrt((a @ a) * (b @ b))
    return float(a @ b) / norm if norm else 0.0


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


def fit_of(count: int, wanted: int) -> int:
    """How many of some networks give the line, so that enough are held out.

    Of the CPU table that is shipped, 1 in 20 networks is further off than 1.1 % of a
    line through 6 others, 0.6 % through 8, 0.4 % through 11.

    Args:
        count: Networks that there are.
        wanted: How many give the line where enough others remain.

    Returns:
        `wanted`, or fewer so that 19 are held out, but not fewer than 8 for that.
    """
    return min(wanted, max(count - ENOUGH, _FEWEST))


def calibration(
    pairs: Sequence[tuple[float, tuple[float, ...]]], fit: int
) -> Calibration:
    """Draw the line through the first networks, and hold the others out.

    Args:
        pairs: `skeleton + sum of table entries` of networks and what was measured in
            each round, in ms.
        fit: How many give the line.

    Raises:
        TableError: If they are too few, all cost the same, or give a line of no use.
    """
    if fit < 2:
        raise TableError("Too few networks run whole on the target to calibrate on.")
    sums, rounds = zip(*pairs, strict=True)
    offset, scale = calibrate(sums[:fit], [*map(median, rounds[:fit])])
    predicted = tuple(offset + scale * value for value in sums[fit:])
    return Calibration(offset, scale, fit, predicted, rounds[fit:])
