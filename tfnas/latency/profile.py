"""Space + target -> latency table: each site measured, whole networks to calibrate."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tfnas.latency.calibration import calibration
from tfnas.latency.entries import rows_of, site_makers
from tfnas.latency.journal import Journal
from tfnas.latency.probes import network_model
from tfnas.latency.rounds import TIMING, Timing, measure
from tfnas.latency.store import TABLES, table_path
from tfnas.latency.table import SCHEMA, LatencyTable
from tfnas.latency.table_file import write_table
from tfnas.spaces.architecture import Architecture, random_architecture, skeleton
from tfnas.spaces.site import Site
from tfnas.spaces.space import Space
from tfnas.support.files import refuse_overwrite
from tfnas.targets import Measurement, Target, get_target

FIT_NETWORKS = 12
HELDOUT_NETWORKS = 12


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
    """
    device = get_target(target, threads=threads) if isinstance(target, str) else target
    rng = random.Random(seed)
    networks = _networks(space, rng)
    makers = _makers(space, device, networks)
    timed = measure(makers, device, journal or Journal(None, {}), timing, rng)
    return _table(space, device, timed, networks)


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


def _networks(space: Space, rng: random.Random) -> list[Architecture]:
    count = FIT_NETWORKS + HELDOUT_NETWORKS
    return [random_architecture(space, rng) for _ in range(count)]


def _makers(
    space: Space, device: Target, networks: Sequence[Architecture]
) -> dict[str, Callable[[], bytes]]:
    """What makes the model of every item: sites, the skeleton, whole networks."""
    whole = partial(network_model, traits=device.traits)
    return {
        **site_makers(_sites(space), device),
        "skeleton": partial(whole, skeleton(space)),
        **{f"network {index}": partial(whole, n) for index, n in enumerate(networks)},
    }


def _sites(space: Space) -> list[Site]:
    return sorted({*space.all_sites, *skeleton(space).entries})


def _table(
    space: Space,
    device: Target,
    timed: Mapping[str, Measurement],
    networks: Sequence[Architecture],
) -> LatencyTable:
    rows = rows_of(_sites(space), device, timed)

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
    fit = len(pairs) * FIT_NETWORKS // (FIT_NETWORKS + HELDOUT_NETWORKS)
    return LatencyTable(
        kind=device.kind,
        target=device.name,
        device=device.device,
        conditions=dict(device.conditions),
        reach=dict(device.reach),
        space=space,
        rows=rows,
        skeleton_ms=skeleton_ms,
        calibration=calibration(pairs, fit),
        date=date.today().isoformat(),
        tool_version=version("tfnas"),
    )


def profile_to_file(
    space: Space,
    device: Target,
    path: Path | None = None,
    *,
    timing: Timing = TIMING,
    overwrite: bool = False,
) -> tuple[LatencyTable, Path]:
    """Measure a space and write its table; go on where an interrupted call was.

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
            `overwrite` is false.
    """
    path = path or table_path(TABLES, device.name, device.device, space)
    refuse_overwrite(path, overwrite)
    kept = path.with_name(f".{path.name}.partial")
    journal = Journal(kept, header(space, device, timing), overwrite)
    table = profile(space, device, timing=timing, journal=journal)
    write_table(path, table)
    kept.unlink()
    return table, path
