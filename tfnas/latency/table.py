"""Latency tables: milliseconds per site on one target, and what they predict."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import TableError
from tfnas.latency.calibration import Calibration, Prediction
from tfnas.latency.row import Row
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.site import Site
from tfnas.spaces.space import Space
from tfnas.targets.measurement import UNUSABLE

SCHEMA = 3
KINDS = ("measured", "vendor-estimate", "analytic")


@dataclass(frozen=True)
class LatencyTable:
    """Median latency of each site of a space on one target.

    Attributes:
        kind: `measured`, `vendor-estimate` or `analytic`.
        target: Name of the target, e.g. `"cpu"`.
        device: Facts that tell this device and runtime from others.
        space: The space whose sites these are.
        rows: Times per site.
        skeleton_ms: What every network pays beside its entries: stem, plumbing, head.
        calibration: From sums to whole networks.
        date: Day of measuring, ISO 8601.
        tool_version: Version of tfnas that measured.
        precision: Precision of weights and activations.
        conditions: Facts about the device that may change while it measures.
        reach: Options that say how the device was reached.
    """

    kind: str
    target: str
    device: Mapping[str, str]
    space: Space
    rows: Mapping[Site, Row]
    skeleton_ms: float
    calibration: Calibration
    date: str
    tool_version: str
    precision: str = "int8"
    conditions: Mapping[str, str] = field(default_factory=dict)
    reach: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TableError(f"Unknown kind of table {self.kind!r}. Known: {KINDS}")
        missing = [site for site in self.space.all_sites if site not in self.rows]
        if missing:
            raise TableError(
                f"The table of {self.target} lacks {len(missing)} of "
                f"{len(self.space.all_sites)} sites, {missing[0]} among them. "
                "Measure it again with `tfnas profile`."
            )
        for site, row in self.rows.items():
            if not (math.isfinite(row.median_ms) and row.median_ms >= 0):
                raise TableError(
                    f"The table of {self.target} gives {row.median_ms} ms for {site}: "
                    "a time must be finite and not negative. Measure it again."
                )
        if (barred := ~self.usable()).all(axis=1).any():
            choice = self.space.choices[int(np.argmax(barred.all(axis=1)))]
            raise TableError(
                f"{self.target} runs no op of the space at {choice}: add an op."
            )
        # A difference, which may be below 0.
        if not math.isfinite(self.skeleton_ms):
            raise TableError(f"The skeleton of {self.target} is not a number of ms.")

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that two tables share only if they predict the same."""
        facts = (sorted(self.device.items()), self.space, self.skeleton_ms)
        priced = (sorted(self.rows.items()), self.calibration)
        return hashlib.sha256(repr((facts, priced)).encode()).hexdigest()[:8]

    def sum_ms(self, architecture: Architecture) -> float:
        """`skeleton + sum of table entries`, not calibrated; sums are entries too."""
        return self.skeleton_ms + math.fsum(map(self.median_ms, architecture.entries))

    def predict(self, architecture: Architecture) -> Prediction:
        """Latency of a whole network: `b + s * (skeleton + sum of table entries)`."""
        fit = self.calibration
        expected = fit.offset_ms + fit.scale * self.sum_ms(architecture)
        below, above = fit.interval
        return Prediction(expected, (1 - below) * expected, (1 + above) * expected)

    def median_ms(self, site: Site) -> float:
        """Milliseconds of one site."""
        return self.rows[site].median_ms

    def matrix(self) -> NDArray[np.float32]:
        """`T` of the objective: milliseconds of every op at every choice.

        Returns:
            Sums over the sites of a choice, shape `(num_choices, num_ops)`.
        """
        return self.space.matrix(self.median_ms)

    def joins_ms(self) -> NDArray[np.float32]:
        """Milliseconds of every site of `space.joins`."""
        return np.array([*map(self.median_ms, self.space.joins())], np.float32)

    def relaxed_ms(self, gamma: Any) -> Any:
        """`sum_ms`, expected over independent choices; exact where gamma is one-hot.

        Args:
            gamma: Relaxed one-hot of every choice, shape `(..., num_choices, num_ops)`.
        """
        paid, joined = self.space.shared(gamma, np)
        ops_ms = np.sum(paid * self.matrix(), axis=(-2, -1))
        return self.skeleton_ms + ops_ms + joined @ self.joins_ms()

    def usable(self) -> NDArray[np.bool_]:
        """Which ops may stand at a choice and run, priced whole, at all of its sites.

        Returns:
            Shape `(num_choices, num_ops)`.
        """
        usable = self.space.allowed.copy()
        for e, m in np.argwhere(usable).tolist():
            sites = self.space.sites(e, self.space.ops[m])
            usable[e, m] = not any(UNUSABLE in self.rows[s].flags for s in sites)
        return usable

    def require(self, space: Space) -> None:
        """Refuse to price another space.

        Raises:
            TableError: If the table was made for another space.
        """
        if self.space != space:
            raise TableError(
                f"The table of {self.target} was measured for another space "
                f"({self.space.fingerprint}, needed {space.fingerprint}): "
                "run `tfnas profile` for this one."
            )

    def summary(self) -> dict[str, Any]:
        """How much was measured, and how far its predictions can be trusted."""
        fit = self.calibration
        return {
            "kind": self.kind,
            "target": self.target,
            "device": dict(self.device),
            "date": self.date,
            "sites": len(self.rows),
            "calibration_networks": fit.fitted_on,
            "heldout_networks": len(fit.heldout_measured_ms),
            "heldout_median_error": fit.median_error,
            "heldout_spearman": fit.spearman,
            "offset_ms": fit.offset_ms,
            "scale": fit.scale,
        }
