"""The run folder: what a search leaves behind, and what later stages read."""

import csv
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from tfnas.errors import RunError, nearest
from tfnas.latency.table import LatencyTable
from tfnas.latency.table_file import read_table, write_table
from tfnas.search.settings import SearchConfig
from tfnas.support.files import read_json, slug, write_json, write_text
from tfnas.support.progress import say

SCHEMA = 10
# Files that hold what was read out of one checkpoint.
_READ_OUT = "family*.json"


@dataclass(frozen=True)
class State:
    """How far a search has come.

    Attributes:
        epochs: Epochs done.
        steps: Steps done of the epoch under way.
        search_seconds: Seconds spent.
        sums: Scalars of those steps, added up.
    """

    epochs: int = 0
    steps: int = 0
    search_seconds: float = 0.0
    sums: Mapping[str, float] = field(default_factory=dict)

    @property
    def begun(self) -> bool:
        """Whether anything was done."""
        return self.epochs + self.steps > 0

    def __str__(self) -> str:
        return f"epoch {self.epochs + 1}, step {self.steps}"


@dataclass(frozen=True)
class Run:
    """One search on disk.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def settings(self) -> Path:
        """Settings of the search, TOML."""
        return self.path / "run.toml"

    @property
    def table(self) -> Path:
        """Copy of the table it was searched with; its space is the run's space."""
        return self.path / "table.json"

    def checkpoint(self, state: State) -> Path:
        """Weights, both optimizers and the temperature at that moment."""
        name = f"checkpoint-{state.epochs:04d}-{state.steps:06d}.weights.h5"
        return self.path / name

    @property
    def state(self) -> Path:
        """Epochs and steps done, JSON; says which checkpoint is whole."""
        return self.path / "state.json"

    @property
    def supernet(self) -> Path:
        """Weights of the supernet."""
        return self.path / "supernet.weights.h5"

    @property
    def hypernetwork(self) -> Path:
        """Weights of the hypernetwork."""
        return self.path / "hypernetwork.weights.h5"

    @property
    def history(self) -> Path:
        """One line of CSV per epoch."""
        return self.path / "history.csv"

    @property
    def tensorboard(self) -> Path:
        """Folder of event files."""
        return self.path / "tensorboard"

    def family(self, table: LatencyTable) -> Path:
        """Members and scores, JSON; by other prices than the search's a file apart."""
        if table == self.load_table():
            return self.path / "family.json"
        return self.path / f"family-{slug(table.target)}-{table.fingerprint}.json"

    @property
    def exports(self) -> Path:
        """Folder with one folder per exported member."""
        return self.path / "export"

    def create(
        self, config: SearchConfig, table: LatencyTable, images: str = ""
    ) -> None:
        """Write the settings, the table, and the fingerprint of the images."""
        write_table(self.table, table)
        values = {"schema": SCHEMA, "images": images, "search": asdict(config)}
        write_text(self.settings, tomli_w.dumps(values))

    def clear(self) -> None:
        """Remove what an earlier search and its exports left here."""
        for path in (self.settings, self.state, self.history):
            path.unlink(missing_ok=True)
        for pattern in ("*.weights.h5", _READ_OUT):
            for path in self.path.glob(pattern):
                path.unlink()
        for folder in (self.exports, self.tensorboard):
            shutil.rmtree(folder, ignore_errors=True)

    def load_config(self) -> SearchConfig:
        """Settings of the search.

        Raises:
            RunError: If the folder holds no run of this version.
        """
        return SearchConfig.from_dict(self._values()["search"])

    def check_images(self, images: str, *, goes_on: bool = False) -> None:
        """Warn of other images than those of the search, or refuse to go on with them.

        Args:
            images: Fingerprint of the dataset.
            goes_on: Whether it is to be searched on: no split would be the same.

        Raises:
            RunError: If they are others, and the search shall go on.
        """
        if self._values().get("images") in (None, "", images):
            return
        if goes_on:
            raise RunError(
                f"{self.path} began with other images. Give them back, or search "
                f"again with --overwrite --run {self.path.name}."
            )
        say(
            "Warning: these images are not those of the search, which may have been "
            "trained on some that score its members now"
        )

    def _values(self) -> dict[str, Any]:
        try:
            values = tomllib.loads(self.settings.read_text(encoding="utf-8"))
        except OSError as error:
            raise RunError(
                f"{self.path} holds no run: {self.settings.name} cannot be read. "
                "Make one with `tfnas search`."
            ) from error
        except ValueError as error:
            raise RunError(f"{self.settings} is no TOML: {error}") from error
        if values.get("schema") != SCHEMA or "search" not in values:
            raise RunError(
                f"{self.path} was made by another version of tfnas (schema "
                f"{values.get('schema')}, needed {SCHEMA}). Search again with "
                f"--overwrite --run {self.path.name}."
            )
        return values

    def load_table(self) -> LatencyTable:
        """The table it was searched with."""
        return read_table(self.table, typed=True)

    def load_other_table(self, path: Path | None) -> LatencyTable | None:
        """The table of a file that a user names beside this run, if they name one."""
        return read_table(path, named=self.load_table().space) if path else None

    def load_state(self) -> State:
        """How far the search has come; nowhere before the first checkpoint."""
        if not self.state.exists():
            return State()
        values = read_json(self.state, "state of a run", RunError)
        try:
            return State(**values)
        except TypeError as error:
            raise RunError(f"{self.state} is no state of a run: {error}") from error

    def save_state(self, state: State, keep: int) -> None:
        """Note a whole checkpoint; keep `keep`, and nothing that older ones gave."""
        for path in self.path.glob(_READ_OUT):
            path.unlink()
        write_json(self.state, asdict(state))
        newest = self.checkpoint(state)
        found = sorted(self.path.glob("checkpoint-*.weights.h5"))
        for path in [path for path in found if path > newest]:
            path.unlink()  # of a search that came further, but was not noted
        older = [path for path in found if path < newest]
        for path in older[: max(0, len(older) - keep + 1)]:
            path.unlink()

    def load_history(self) -> list[dict[str, float]]:
        """One dictionary per epoch; empty before the first ends."""
        if not self.history.exists():
            return []
        with self.history.open(newline="") as file:
            rows = csv.DictReader(file)
            return [{key: float(value) for key, value in row.items()} for row in rows]

    def require_searched(self) -> None:
        """Refuse to read members out of a run that has not ended an epoch."""
        if self.load_state().epochs == 0:
            raise RunError(
                f"{self.path} has not finished its first epoch. "
                "Go on with `tfnas search --resume`."
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second search out of this folder.

        Raises:
            RunError: If another search holds it.
        """
        import fcntl

        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"Another search is writing to {self.path}. "
                    "Wait for it, or name another run with --run."
                ) from None
            for path in self.path.glob(".*.weights.h5"):
                path.unlink()  # half written by a search that was killed
            yield


def find_run(root: Path, name: str | None) -> Run:
    """A run by name, or the newest one.

    Args:
        root: Folder of all runs.
        name: Name of a run, or a path to its folder.

    Raises:
        RunError: If there is none.
    """
    found = sorted(root.glob("*/run.toml"), key=lambda path: path.stat().st_mtime)
    for folder in (root / name, Path(name)) if name else ():
        if (folder / "run.toml").exists():
            return Run(folder)
    if not found:
        raise RunError(f"No run in {root}. Make one with `tfnas search`.")
    if name is None:
        return Run(found[-1].parent)
    known = [path.parent.name for path in found]
    raise RunError(f"No run {name!r} in {root}. {nearest(name, known)}")


def new_run(
    root: Path, name: str | None, default: str, *, overwrite: bool = False
) -> Run:
    """A folder for a new run.

    Args:
        root: Folder of all runs.
        name: Its name.
        default: Its name where None is given; numbered where it is taken.
        overwrite: Whether a run of that name may be replaced.

    Raises:
        RunError: If the name leads elsewhere, or a run of that name exists and
            `overwrite` is false.
    """
    if name is not None:
        if Path(name).name != name or name == "..":
            raise RunError(f"--run {name}: a new run has a plain name, without folders")
        if (root / name / "run.toml").exists() and not overwrite:
            raise RunError(
                f"Run {root / name} exists. Add --resume to go on with it, "
                "--overwrite to replace it, or choose another --run."
            )
        return Run(root / name)
    plain = slug(default)
    number, path = 1, root / plain
    while path.exists():
        number += 1
        path = root / f"{plain}-{number}"
    return Run(path)
