"""Latency tables as JSON files: one row a site, checked when they are read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tfnas.errors import TableError, TfnasError
from tfnas.latency.calibration import Calibration
from tfnas.latency.row import Row
from tfnas.latency.table import SCHEMA, LatencyTable
from tfnas.spaces.load import space_of
from tfnas.spaces.site import Site
from tfnas.spaces.space import Space
from tfnas.support.files import read_json, write_json

# The fields that are in the file as they are in the table.
_PLAIN = (
    *("kind", "target", "device", "skeleton_ms"),
    *("date", "tool_version", "precision"),
)


def write_table(path: Path, table: LatencyTable) -> None:
    """Write a table as JSON, one row a site, in a stable order."""
    rows = [{**asdict(s), **asdict(row)} for s, row in sorted(table.rows.items())]
    fit = table.calibration
    summary = {
        "heldout_median_error": fit.median_error,
        "heldout_spearman": fit.spearman,
    }
    write_json(
        path,
        {
            "schema": SCHEMA,
            "kind": table.kind,
            "target": table.target,
            "device": dict(table.device),
            "conditions": dict(table.conditions),
            "reach": dict(table.reach),
            "precision": table.precision,
            "date": table.date,
            "tool_version": table.tool_version,
            "space": table.space.to_dict(),
            "space_fingerprint": table.space.fingerprint,
            "skeleton_ms": table.skeleton_ms,
            "calibration": {**asdict(fit), **summary},
            "rows": rows,
        },
    )


def read_table(
    path: Path, *, typed: bool = False, named: Space | None = None
) -> LatencyTable:
    """Read what `write_table` wrote.

    Args:
        path: The file.
        typed: Whether it lies in the user's own run folder, where a space may name a
            module of theirs (see `spaces.load`).
        named: A space that the user has named: it is the table's where they are equal.

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
        table = LatencyTable(**_fields(data), space=_space(data["space"], typed, named))
    except (KeyError, TypeError) as error:
        raise TableError(f"{path} is damaged: {error}. Measure it again.") from error
    except TfnasError as error:
        raise TableError(f"{path}: {error}") from error
    if data.get("space_fingerprint") != table.space.fingerprint:
        raise TableError(
            f"{path} was edited, or measured by an earlier version: its space is not "
            "what was measured. Profile again."
        )
    return table


def _space(values: Mapping[str, Any], typed: bool, named: Space | None) -> Space:
    if named is not None and values == json.loads(json.dumps(named.to_dict())):
        return named
    return space_of(values, typed=typed)


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    fit = {key: data["calibration"][key] for key in Calibration.__dataclass_fields__}
    fit["heldout_predicted_ms"] = tuple(fit["heldout_predicted_ms"])
    fit["heldout_rounds_ms"] = tuple(map(tuple, fit["heldout_rounds_ms"]))
    return {
        **{key: data[key] for key in _PLAIN},
        **{key: data.get(key, {}) for key in ("conditions", "reach")},
        "rows": dict(map(_row, data["rows"])),
        "calibration": Calibration(**fit),
    }


def _row(values: Mapping[str, Any]) -> tuple[Site, Row]:
    site = Site(**{key: values[key] for key in Site.__dataclass_fields__})
    known = [key for key in Row.__dataclass_fields__ if key in values]
    row = Row(**{key: values[key] for key in known})
    return site, replace(row, flags=tuple(row.flags))
