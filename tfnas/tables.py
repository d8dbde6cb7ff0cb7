"""The folder of latency tables: names, the newest that fits."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from tfnas.errors import TfnasError
from tfnas.space import CellSpace
from tfnas.table import LatencyTable


def table_path(
    folder: Path, target: str, device: Mapping[str, str], space: CellSpace
) -> Path:
    """Where the table of a device and a space lies by default."""
    shape = "x".join(map(str, space.input_shape))
    facts = json.dumps(dict(device), sort_keys=True).encode()
    which = f"{space.fingerprint[:6]}-{hashlib.sha256(facts).hexdigest()[:6]}"
    return folder / f"{target}-cell-{shape}-{which}.json"


def newest_table(
    folder: Path, space: CellSpace, host: Mapping[str, str]
) -> Path | None:
    """The newest table that fits a space; host tables of other machines do not count.

    Args:
        folder: Where tables lie.
        space: The space to be priced.
        host: Facts about this machine, as the `cpu` target states them.
    """
    found = []
    for path in folder.glob("*.json"):
        try:
            table = LatencyTable.load(path)
        except TfnasError:
            continue  # not a table, or of another version: not one that fits
        if table.space == space and (table.target != "cpu" or table.device == host):
            found.append((table.date, path.stat().st_mtime, path))
    return max(found)[2] if found else None
