"""Space + target -> latency table: each site measured, whole networks to calibrate."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfnas.architecture import Architecture
from tfnas.calibration import Calibration, calibrate
from tfnas.errors import ModelError, SettingsError, TableError
from tfnas.journal import Journal
from tfnas.measurement import UNUSABLE
from tfnas.measuring import measure
from tfnas.network import build
from tfnas.ops import op_chain, run
from tfnas.rows import row_of
from tfnas.space import CellSpace, Site
from tfnas.table import LatencyTable
from tfnas.targets import Measurement, Target, get_target
from tfnas.tflite import check_int8, convert_int8

FIT_NETWORKS = 12
HELDOUT_NETWORKS = 12
# A compiler that packs weights gives the same cycles for the same weights only.
_WEIGHTS_SEED = 0

# What each layer of a chain becomes; a layer that is not named is fused into another.
_CONVERTED = {
    "Conv2D": "CONV_2D",
    "DepthwiseConv2D": "DEPTHWISE_CONV_2D",
    "MaxPooling2D": "MAX_POOL_2D",
    "AveragePooling2D": "AVERAGE_POOL_2D",
}


def site_model(site: Site) -> bytes:
    """The int8 model of one op as it will be deployed: batch norm and ReLU6 fused.

    Raises:
        ModelError: If it converts to other ops than its layers announce.
    """
    keras.utils.set_random_seed(_WEIGHTS_SEED)
    image = keras.Input((site.height, site.width, site.in_channels))
    chain = op_chain(site.op, keras.layers, site.out_channels, site.stride, "site")
    model = keras.Model(image, run(chain, image))
    flatbuffer = convert_int8(model, _noise(image.shape[1:]))
    kinds = [type(layer).__name__ for layer in chain]
    announced = [_CONVERTED[kind] for kind in kinds if kind in _CONVERTED]
    if (found := check_int8(flatbuffer)) != announced:
        raise ModelError(f"{site} converts to {found}, expected {announced}")
    return flatbuffer


def network_model(
    architecture: Architecture, *, per_tensor_dense: bool = False
) -> bytes:
    """The int8 model of a whole network with fresh weights, which time does not see."""
    keras.utils.set_random_seed(_WEIGHTS_SEED)
    shape = architecture.space.input_shape
    model = build(architecture)
    flatbuffer = convert_int8(model, _noise(shape), per_tensor_dense=per_tensor_dense)
    check_int8(flatbuffer)
    return flatbuffer


def _noise(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).random((2, *shape), dtype=np.float32)


def skeleton(space: CellSpace) -> Architecture:
    """The network of identities alone: stem, cell plumbing, head and halving edges."""
    identities = replace(space, ops=("skip_connect", "max_pool_3x3"))
    return Architecture(identities, (0,) * len(space.choices))


def random_architecture(space: CellSpace, rng: random.Random) -> Architecture:
    """A network with its own mix of ops, so that a sample spans the space's latencies.

    The shares of the ops are uniform on the simplex; with equal shares for all, most
    networks would have nearly the same latency.
    """
    while True:
        shares = [rng.expovariate(1) for _ in space.ops]
        picks = rng.choices(range(len(space.ops)), shares, k=len(space.choices))
        try:
            return Architecture(space, tuple(picks))
        except SettingsError:
            continue  # `none` cut every path: draw again


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
        str(site): partial(site_model, site) for site in sites if not is_free(site)
    }
    whole = partial(network_model, per_tensor_dense=device.per_tensor_dense)
    makers["skeleton"] = partial(whole, bare)
    for index, network in enumerate(networks):
        makers[f"network {index}"] = partial(whole, network)
    header = {
        "target": device.name,
        "device": dict(device.device),
        "space": space.fingerprint,
        "runs": runs,
        "warmup": warmup,
        "seed": seed,
    }
    book = Journal(journal, header, overwrite)
    timed = measure(makers, device, book, runs=runs, warmup=warmup, rng=rng)
    return _table(space, device, timed, sites, networks)


def is_free(site: Site) -> bool:
    """Whether the op leaves nothing behind in the deployed network."""
    return site.op == "none" or (site.op == "skip_connect" and site.stride == 1)


def _table(
    space: CellSpace,
    device: Target,
    timed: Mapping[str, Measurement],
    sites: list[Site],
    networks: list[Architecture],
) -> LatencyTable:
    rows = {site: row_of(timed.get(str(site)), device.call_ms) for site in sites}
    halving = sum(rows[site].median_ms for site in skeleton(space).sites)
    skeleton_ms = timed["skeleton"].median_ms - halving
    sums = [
        skeleton_ms + sum(rows[site].median_ms for site in network.sites)
        for network in networks
    ]
    whole = [timed[f"network {index}"] for index in range(len(networks))]
    pairs = [
        (total, network.median_ms)
        for total, network in zip(sums, whole, strict=True)
        if UNUSABLE not in network.flags
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
        calibration=_calibration(pairs),
        date=date.today().isoformat(),
        tool_version=version("tfnas"),
    )


def _calibration(pairs: list[tuple[float, float]]) -> Calibration:
    """Fit to the first networks, hold the others out.

    Args:
        pairs: Sum of table entries and measured time of every network, in ms.
    """
    fit = len(pairs) * FIT_NETWORKS // (FIT_NETWORKS + HELDOUT_NETWORKS)
    if fit < 2:
        raise TableError("Too few networks run whole on the target to calibrate on.")
    sums, measured = zip(*pairs, strict=True)
    offset, scale = calibrate(sums[:fit], measured[:fit])
    predicted = tuple(offset + scale * value for value in sums[fit:])
    return Calibration(offset, scale, fit, predicted, measured[fit:])
