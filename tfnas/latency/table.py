"""Latency tables: milliseconds per site on one target, and what they predict."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import TableError, TfnasError
from tfnas.latency.calibration import Calibration, Prediction
from tfnas.latency.row import Row
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.site import Site
from tfnas.support.files import read_json, write_json
from tfnas.targets.measurement import UNUSABLE

SCHEMA = 3
# `stand-in` is what tests use: numbers that no device and no vendor gave.
KINDS = ("measured", "vendor-estimate", "analytic", "stand-in")


@dataclass(frozen=True)
class LatencyTable:
    """Median latency of each site of a space on one target.

    Attributes:
        kind: `measured`, `vendor-estimate` or `analytic`.
        target: Name of the target, e.g. `"cpu"`.
        device: Facts that tell this device and runtime from others.
        space: The space whose sites these are.
        rows: Times per site.
        skeleton_ms: Stem, head, and what leads into cells and out of them, together.
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
    space: CellSpace
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
        return self.skeleton_ms + math.fsum(
            self.rows[site].median_ms for site in architecture.entries
        )

    def predict(self, architecture: Architecture) -> Prediction:
        """Latency of a whole network: `b + s * (skeleton + sum of table entries)`."""
        fit = self.calibration
        expected = fit.offset_ms + fit.scale * self.sum_ms(architecture)
        below, above = fit.interval
        return Prediction(expected, (1 - below) * expected, (1 + above) * expected)

    def matrix(self) -> NDArray[np.float32]:
        """`T` of the objective: milliseconds of every op at every choice.

        Returns:
            Sums over the sites of a choice, shape `(num_choices, num_ops)`.
        """
        return np.array(
            [
                [
                    math.fsum(
                        self.rows[s].median_ms for s in self.space.sites(choice, op)
                    )
                    for op in self.space.ops
                ]
                for choice in self.space.choices
            ],
            np.float32,
        )

    def sums_ms(self) -> NDArray[np.float32]:
        """Milliseconds of adding every choice to its node, where nodes share no sum.

        Returns:
            Shape `(num_choices,)`; 0 for the first edge of a node.
        """
        return np.array(
            [
                math.fsum(self.rows[s].median_ms for s in self.space.sums(choice.kind))
                if choice.source
                else 0.0
                for choice in self.space.choices
            ],
            np.float32,
        )

    def usable(self) -> NDArray[np.bool_]:
        """Which ops the target runs, and priced whole, at all sites of a choice.

        Returns:
            Shape `(num_choices, num_ops)`.
        """
        return np.array(
            [
                [
                    all(
                        UNUSABLE not in self.rows[site].flags
                        for site in self.space.sites(choice, op)
                    )
                    for op in self.space.ops
                ]
                for choice in self.space.choices
            ]
        )

    def require(self, space: CellSpace) -> None:
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

    def headline(self) -> str:
        """What it is of, in one line."""
        shape = "x".join(map(str, self.space.input_shape))
        return f"{self.kind}, {self.target}, {shape}, {self.date}"

    def in_words(self) -> str:
        """The slowest sites and the error of the calibration, in a few lines."""
        fit = self.calibration
        slowest = sorted(self.rows.items(), key=lambda item: -item[1].median_ms)[:5]
        lines = [f"{row.median_ms:9.4f} ms  {site}" for site, row in slowest]
        if "error" in self.device:
            lines.append(f"These are estimates: {self.device['error']}")
        return (
            f"{len(self.rows)} sites, the slowest:\n" + "\n".join(lines) + "\n"
            f"On {len(fit.heldout_measured_ms)} networks not used for the fit: median "
            f"error {fit.median_error:.1%}, rank correlation {fit.spearman:.3f}"
        )

    def save(self, path: Path) -> None:
        """Write the table as JSON, one row a site, in a stable order."""
        rows = [{**asdict(s), **asdict(row)} for s, row in sorted(self.rows.items())]
        fit = self.calibration
        summary = {
            "heldout_median_error": fit.median_error,
            "heldout_spearman": fit.spearman,
        }
        write_json(
            path,
            {
                "schema": SCHEMA,
                "kind": self.kind,
                "target": self.target,
                "device": dict(self.device),
                "conditions": dict(self.conditions),
                "reach": dict(self.reach),
                "precision": self.precision,
                "date": self.date,
                "tool_version": self.tool_version,
                "space": self.space.to_dict(),
                "space_fingerprint": self.space.fingerprint,
                "skeleton_ms": self.skeleton_ms,
                "calibration": {**asdict(fit), **summary},
                "rows": rows,
            },
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            TableError: If the file is no table of this schema, or cannot be trusted.
        """
        data = read_json(path, "latency table", TableError)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise TableError(
                f"{path} is no latency table of schema {SCHEMA}. "
                "Measure it again with `tfnas profile`."
            )
        try:
            table = cls(**_fields(data))
        except (KeyError, TypeError) as error:
            raise TableError(
                f"{path} is damaged: {error}. Measure it again."
            ) from error
        except TfnasError as error:
            raise TableError(f"{path}: {error}") from error
        if data.get("space_fingerprint") != table.space.fingerprint:
            raise TableError(f"{path} was edited: its space is not what was measured.")
        return table


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    site_keys, row_keys = Site.__dataclass_fields__, Row.__dataclass_fields__
    rows = {}
    for values in data["rows"]:
        row = Row(**{key: values[key] for key in row_keys if key in values})
        site = Site(**{key: values[key] for key in site_keys})
        rows[site] = replace(row, flags=tuple(row.flags))
    fit = {key: data["calibration"][key] for key in Calibration.__dataclass_fields__}
    fit["heldout_predicted_ms"] = tuple(fit["heldout_predicted_ms"])
    fit["heldout_rounds_ms"] = tuple(map(tuple, fit["heldout_rounds_ms"]))
    plain = (
        "kind",
        "target",
        "device",
        "skeleton_ms",
        "date",
        "tool_version",
        "precision",
    )
    return {
        **{key: data[key] for key in plain},
        **{key: data.get(key, {}) for key in ("conditions", "reach")},
        "space": CellSpace.from_dict(data["space"]),
        "rows": rows,
        "calibration": Calibration(**fit),
    }
