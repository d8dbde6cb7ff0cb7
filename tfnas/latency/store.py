"""The folder of latency tables: names, the newest that fits, one beside another."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from tfnas.errors import TableError, TfnasError
from tfnas.latency.table import LatencyTable
from tfnas.latency.table_file import read_table
from tfnas.spaces.space import Space
from tfnas.support.files import slug

TABLES = Path("tflite_tables")


def table_path(
    folder: Path, target: str, device: Mapping[str, str], space: Space
) -> Path:
    """Where the table of a device and a space lies by default."""
    shape = "x".join(map(str, space.input_shape))
    facts = json.dumps(dict(device), sort_keys=True).encode()
    which = f"{space.fingerprint[:6]}-{hashlib.sha256(facts).hexdigest()[:6]}"
    return folder / f"{slug(target)}-{slug(space.kind)}-{shape}-{which}.json"


def newest_table(folder: Path, space: Space, host: Mapping[str, str]) -> Path | None:
    """The newest table that fits a space; host tables of other machines do not count.

    Args:
        folder: Where tables lie.
        space: The space to be priced.
        host: Facts about this machine, as the `cpu` target states them.
    """
    found = []
    for path in folder.glob("*.json"):
        try:
            table = read_table(path, named=space)
        except TfnasError:
            continue  # not a table, or of another version: not one that fits
        if table.space == space and (table.target != "cpu" or table.device == host):
            found.append((table.date, path.stat().st_mtime, path))
    return max(found)[2] if found else None


def listed(folder: Path) -> dict[Path, LatencyTable]:
    """All tables below a folder, by path; other JSON files are passed over."""
    found = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            found[path] = read_table(path)
        except TableError:
            continue
    return found
