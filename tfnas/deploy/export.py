"""A point of the simplex -> a folder with the trained, quantized, checked network."""

import hashlib
import shutil
from typing import Any

from tfnas.data.dataset import Dataset
from tfnas.data.load import load_source
from tfnas.data.source import Source
from tfnas.deploy.handover import earlier_card, write_export
from tfnas.deploy.make import make
from tfnas.deploy.possible import require_possible
from tfnas.deploy.settings import TrainConfig
from tfnas.family.limits import Request
from tfnas.family.member import Member, require_untrained
from tfnas.family.selector import Selector
from tfnas.latency.table import LatencyTable
from tfnas.networks.weights import Weights, named_weights
from tfnas.search.run import Run


def export(
    run: Run,
    requests: list[Request],
    config: TrainConfig,
    *,
    table: LatencyTable | None = None,
    source: Source | None = None,
    overwrite: bool = False,
) -> list[dict[str, Any]]:
    """Train, quantize, check, measure and write a member for every request.

    Args:
        run: A searched run; its `exports` folder takes a folder for each member.
        requests: Points of the simplex, limits, or both.
        config: How members are trained and quantized.
        table: Prices of the device they are for; those of the search by default.
        source: Data; that of the search by default. Where it leaves out bad images,
            those of the search are left out too.
        overwrite: Replace earlier exports.

    Returns:
        The cards.

    Raises:
        LimitError: If no member keeps the limits of a request.
        TfnasError: If a member was exported with other settings, or cannot be made.
    """
    searched = run.load_config().source
    wanted = source or searched
    selector = Selector(run, table, searched.skipping(wanted.skip_bad_images))
    for request in requests:
        require_possible(selector.table, request.limits, config)
    members = [selector.take(request) for request in requests]
    data = (
        selector.data
        if wanted == selector.source
        else load_source(wanted, selector.search.space.input_shape)
    )
    weights = None if config.from_scratch else named_weights(selector.search.supernet)
    return [
        export_member(member, data, config, run, weights=weights, overwrite=overwrite)
        for member in members
    ]


def export_member(
    member: Member,
    data: Dataset,
    config: TrainConfig,
    run: Run,
    *,
    weights: Weights | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train, quantize, check, measure and write one member.

    Interrupted, it goes on after the last whole epoch, or after training; what was
    exported with the same settings is not exported again.

    Args:
        member: The network, and what it must keep.
        data: Gives training, calibration and test images.
        config: How it is trained.
        run: Its `exports` folder takes the member's folder.
        weights: Where training starts from; fresh weights where None.
        overwrite: Replace an export of the same point.

    Returns:
        The card.

    Raises:
        LimitError: If it breaks a limit, before it is trained where that is known.
        TfnasError: If the point was exported with other settings, or is not all int8.
    """
    space = member.architecture.space
    data.require(space.input_shape, space.num_classes)
    folder, state = run.exports / member.name, run.load_state()
    made_from = _made_from(member, data, config, state.epochs)
    if card := earlier_card(folder, made_from, overwrite=overwrite):
        return card
    require_possible(member.table, member.limits, config)
    require_untrained(member, config.quantize)
    scratch = folder / f".training-{made_from}"
    made = make(member, data, config, weights, scratch)
    card = {
        **member.facts(),
        **made.facts,
        "search_seconds": state.search_seconds,
        "train_seconds": made.train_seconds,
        "made_from": made_from,
        "folder": str(folder),
    }
    member.limits.require(card, f"The trained {member.name}")
    write_export(folder, made, card, data.classes)
    shutil.rmtree(scratch)
    return card


def _made_from(member: Member, data: Dataset, config: TrainConfig, epochs: int) -> str:
    """Eight hex digits that exports share only if they come to the same.

    Args:
        member: The network, what it must keep, and the device it is for.
        data: The images.
        config: How it is trained.
        epochs: Of the search.
    """
    settings = (
        config.dumps(),
        member.architecture.indices,
        data.fingerprint,
        epochs,
        member.table.device,
        member.limits,
    )
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:8]
