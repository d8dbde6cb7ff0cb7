"""Space + target -> latency table: each site measured, whole networks to calibrate."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tfnas.latency.calibration import calibration
from tfnas.latency.journal import Journal
from tfnas.latency.probes import network_model, site_model, step
from tfnas.latency.rounds import measure
from tfnas.latency.row import Row, row_of
from tfnas.latency.slopes import slope
from tfnas.latency.store import TABLES, table_path
from tfnas.latency.table import SCHEMA, LatencyTable
from tfnas.spaces.architecture import Architecture, random_architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.site import SUM, Site
from tfnas.support.files import refuse_overwrite
from tfnas.targets.measurement import UNUSABLE, Measurement
from tfnas.targets.registry import get_target
from tfnas.targets.target import Target

FIT_NETWORKS = 12
HELDOUT_NETWORKS = 12
_CALL = "call"


def skeleton(space: CellSpace) -> Architecture:
    """The network of identities alone: stem, cell plumbing, head and halving edges."""
    identities = replace(space, ops=("skip_connect", "max_pool_3x3"))
    return Architecture(identities, (0,) * len(space.choices))


def profile(
    space: CellSpace,
    target: str | Target = "cpu",
    *,
    runs: int = 50,
    warmup: int = 10,
    threads: int = 1,
    seed: int = 0,
    journal: Path | None = None,
    overwrite: bool = False,
) -> LatencyTable:
    """Measure every distinct site of a space, and whole networks to calibrate on.

    Items are measured in rounds, each in another order, so that a busy moment of the
    device touches all of them a little and none of them wholly. An item whose rounds
    disagree by more than 10 % is measured as often again, and flagged `unstable` if the
    new rounds disagree as well.

    Args:
        space: Gives the sites.
        target: A target, or the name of one.
        runs: Timed runs of an item in each round.
        warmup: Runs before them that are not counted.
        threads: CPU threads, where `target` is a name.
        seed: Of the random networks and of the order of measuring.
        journal: File that keeps what was measured, for a later call to go on from.
        overwrite: Begin again where the journal belongs to another profile.

    Returns:
        The calibrated table.

    Raises:
        TargetError: If the target is missing or refuses a model.
        TableError: If the journal belongs to another profile.
    """
    device = get_target(target, threads=threads) if isinstance(target, str) else target
    rng = random.Random(seed)
    count = FIT_NETWORKS + HELDOUT_NETWORKS
    networks = [random_architecture(space, rng) for _ in range(count)]
    bare = skeleton(space)
    sites = sorted({*space.all_sites, *bare.sites})
    makers: dict[str, Callable[[], bytes]] = {
        _item(site, times): partial(site_model, site, times)
        for site in _timed(sites, device)
        for times in device.repeats
    }
    whole = partial(network_model, per_tensor_dense=device.per_tensor_dense)
    if device.call_ms is None:
        makers[_CALL] = partial(site_model, Site(SUM, 1, 1, 1, 1))
    makers["skeleton"] = partial(whole, bare)
    for index, network in enumerate(networks):
        makers[f"network {index}"] = partial(whole, network)
    header = {
        "schema": SCHEMA,
        "target": device.name,
        "device": dict(device.device),
        "space": space.fingerprint,
        "runs": runs,
        "warmup": warmup,
        "seed": seed,
        "networks": [[*network.indices] for network in networks],
    }
    book = Journal(journal, header, overwrite)
    timed = measure(makers, device, book, runs=runs, warmup=warmup, rng=rng)
    return _table(space, device, timed, sites, networks)


def is_free(site: Site) -> bool:
    """Whether the op leaves nothing behind in the deployed network."""
    return site.op == "none" or (site.op == "skip_connect" and site.stride == 1)


def _item(site: Site, times: int) -> str:
    return str(site) if times == 1 else f"{site} x{times}"


def _timed(sites: Iterable[Site], device: Target) -> list[Site]:
    """The sites that have to be timed, those of steps between repeated ones last."""
    once = device.repeats == (1,)
    steps = {step(site) for site in sites if site.stride == 2 and not once}
    return [
        *(site for site in sites if not is_free(site)),
        *sorted({*steps} - {*sites}),
    ]


def _rows(
    sites: Iterable[Site], device: Target, timed: Mapping[str, Measurement]
) -> dict[Site, Row]:
    """Rows of all sites: what one op takes, or what each further one adds."""
    found = {
        site: slope({times: timed[_item(site, times)] for times in device.repeats})
        for site in _timed(sites, device)
    }
    # Beside the op, a further copy of one that halves adds a step and a sum.
    beside = {
        site: found[step(site)].median_ms + found[_sum_after(site)].median_ms
        for site in found
        if site.stride == 2 and device.repeats != (1,)
    }
    call_ms = timed[_CALL].median_ms if device.call_ms is None else device.call_ms
    return {
        site: row_of(found.get(site), call_ms + beside.get(site, 0.0)) for site in sites
    }


def _sum_after(site: Site) -> Site:
    """The sum of what two ops that halve put out."""
    channels, sides = site.out_channels, (-(-site.height // 2), -(-site.width // 2))
    return Site(SUM, *sides, channels, channels)


def _table(
    space: CellSpace,
    device: Target,
    timed: Mapping[str, Measurement],
    sites: list[Site],
    networks: list[Architecture],
) -> LatencyTable:
    rows = _rows(sites, device, timed)

    def of_entries(network: Architecture) -> float:
        return sum(rows[site].median_ms for site in network.entries)

    skeleton_ms = timed["skeleton"].median_ms - of_entries(skeleton(space))
    sums = [skeleton_ms + of_entries(network) for network in networks]
    whole = [timed[f"network {index}"] for index in range(len(networks))]
    pairs = [
        (total, network.rounds_ms)
        for total, network in zip(sums, whole, strict=True)
        if UNUSABLE not in network.flags
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
    space: CellSpace,
    device: Target,
    path: Path | None = None,
    *,
    runs: int = 50,
    warmup: int = 10,
    overwrite: bool = False,
) -> tuple[LatencyTable, Path]:
    """Measure a space and write its table; go on where an interrupted call was.

    Args:
        space: What is measured.
        device: Where.
        path: The table; named after target and space by default.
        runs: Timed runs of an item in each round.
        warmup: Runs before them.
        overwrite: Replace a table, and a journal of other settings.

    Returns:
        The table and its path.

    Raises:
        TfnasError: If the table exists and `overwrite` is false.
    """
    path = path or table_path(TABLES, device.name, device.device, space)
    refuse_overwrite(path, overwrite)
    journal = path.with_name(f".{path.name}.partial")
    table = profile(
        space, device, runs=runs, warmup=warmup, journal=journal, overwrite=overwrite
    )
    table.save(path)
    journal.unlink()
    return table, path
