"""Space + target -> latency table: each site measured, whole networks to calibrate."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tfnas.errors import TableError
from tfnas.latency.calibration import ENOUGH, Calibration, calibration, fit_of
from tfnas.latency.entries import rows_of, site_makers, sites_of
from tfnas.latency.journal import Journal
from tfnas.latency.probes import network_model
from tfnas.latency.rounds import TIMING, Timing, measure
from tfnas.latency.store import TABLES, table_path
from tfnas.latency.table import SCHEMA, LatencyTable
from tfnas.latency.table_file import write_table
from tfnas.spaces.architecture import Architecture, random_architecture, skeleton
from tfnas.spaces.space import Space
from tfnas.support.files import refuse_overwrite
from tfnas.targets import Measurement, Target, get_target

FIT_NETWORKS = 12
HELDOUT_NETWORKS = ENOUGH


def profile(
    space: Space,
    target: str | Target = "cpu",
    *,
    timing: Timing = TIMING,
    threads: int = 1,
    seed: int = 0,
    journal: Journal | None = None,
) -> LatencyTable:
    """Measure every distinct site of a space, and whole networks to calibrate on.

    Items are measured in rounds, each in another order, so that a busy moment of the
    device touches all of them a little and none of them wholly. An item whose rounds
    disagree by more than 10 % is measured as often again, and flagged `unstable` if the
    new rounds disagree as well.

    Args:
        space: Gives the sites.
        target: A target, or the name of one.
        timing: Runs of an item in each round.
        threads: CPU threads, where `target` is a name.
        seed: Of the random networks and of the order of measuring.
        journal: Keeps what was measured, for a later call to go on from; begun with
            the `header` of the same profile.

    Returns:
        The calibrated table.

    Raises:
        TargetError: If the target is missing or refuses a model.
        TableError: If what was measured makes no table that can be used.
    """
    device = get_target(target, threads=threads) if isinstance(target, str) else target
    kept = journal or Journal(None, {})
    return _table(space, device, *_measured(space, device, kept, timing, seed))


def header(
    space: Space, device: Target, timing: Timing = TIMING, seed: int = 0
) -> dict[str, Any]:
    """What tells one profile from others, for its journal."""
    return {
        "schema": SCHEMA,
        "target": device.name,
        "device": dict(device.device),
        "space": space.fingerprint,
        **asdict(timing),
        "seed": seed,
        "networks": [
            [*network.indices] for network in _networks(space, random.Random(seed))
        ],
    }


def _measured(
    space: Space, device: Target, journal: Journal, timing: Timing, seed: int
) -> tuple[dict[str, Measurement], list[Architecture]]:
    """Times of every item, and the whole networks among them."""
    rng = random.Random(seed)
    networks = _networks(space, rng)
    makers = _makers(space, device, networks)
    return measure(makers, device, journal, timing, rng), networks


def _networks(space: Space, rng: random.Random) -> list[Architecture]:
    count = FIT_NETWORKS + HELDOUT_NETWORKS
    return [random_architecture(space, rng) for _ in range(count)]


def _makers(
    space: Space, device: Target, networks: Sequence[Architecture]
) -> dict[str, Callable[[], bytes]]:
    """What makes the model of every item: sites, the skeleton, whole networks."""
    whole = partial(network_model, traits=device.traits)
    return {
        **site_makers(sites_of(space), device),
        "skeleton": partial(whole, skeleton(space)),
        **{f"network {index}": partial(whole, n) for index, n in enumerate(networks)},
    }


def _table(
    space: Space,
    device: Target,
    timed: Mapping[str, Measurement],
    networks: Sequence[Architecture],
) -> LatencyTable:
    rows = rows_of(sites_of(space), device, timed)

    def of_entries(network: Architecture) -> float:
        return sum(rows[site].median_ms for site in network.entries)

    skeleton_ms = timed["skeleton"].median_ms - of_entries(skeleton(space))
    sums = [skeleton_ms + of_entries(network) for network in networks]
    whole = [timed[f"network {index}"] for index in range(len(networks))]
    pairs = [
        (total, network.rounds_ms)
        for total, network in zip(sums, whole, strict=True)
        if network.is_usable
    ]
    return LatencyTable(
        kind=device.kind,
        target=device.name,
        device=device.device,
        conditions=dict(device.conditions),
        reach=dict(device.reach),
        space=space,
        rows=rows,
        skeleton_ms=skeleton_ms,
        calibration=_calibrated(pairs, device),
        date=date.today().isoformat(),
        tool_version=version("tfnas"),
    )


def _calibrated(
    pairs: Sequence[tuple[float, tuple[float, ...]]], device: Target
) -> Calibration:
    """Networks that run whole, divided as all of them would be."""
    share = len(pairs) * FIT_NETWORKS // (FIT_NETWORKS + HELDOUT_NETWORKS)
    try:
        return calibration(pairs, fit_of(len(pairs), share))
    except TableError as error:
        raise TableError(f"{device.name}: {error}") from error


def profile_to_file(
    space: Space,
    device: Target,
    path: Path | None = None,
    *,
    timing: Timing = TIMING,
    overwrite: bool = False,
) -> tuple[LatencyTable, Path]:
    """Measure a space and write its table; go on where an interrupted call was.

    Where what was measured makes no table, it is forgotten: the next call measures
    again.

    Args:
        space: What is measured.
        device: Where.
        path: The table; named after target and space by default.
        timing: Runs of an item in each round.
        overwrite: Replace a table, and a journal of other settings.

    Returns:
        The table and its path.

    Raises:
        TfnasError: If the table or the journal of another profile exists and
            `overwrite` is false, or what was measured makes no table.
    """
    path = path or table_path(TABLES, device.name, device.device, space)
    refuse_overwrite(path, overwrite)
    kept = path.with_name(f".{path.name}.partial")
    journal = Journal(kept, header(space, device, timing), overwrite)
    measured = _measured(space, device, journal, timing, seed=0)
    try:
        table = _table(space, device, *measured)
    except TableError:
        kept.unlink()
        raise
    write_table(path, table)
    kept.unlink()
    return table, path
