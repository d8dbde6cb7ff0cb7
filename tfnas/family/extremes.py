"""How fast, how slow and how large the networks of a space are, by a table."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import SettingsError, TableError
from tfnas.latency.table import LatencyTable
from tfnas.networks.counts import count_params
from tfnas.spaces.architecture import Architecture, random_architecture
from tfnas.spaces.ops import find_op
from tfnas.spaces.space import Space


def fastest(table: LatencyTable) -> Architecture:
    """The fastest network that joint moves lead to, from any op wherever it may stand.

    Choices that may share what they run, such as the edges of one state of a cell,
    take another op together, until no such move helps.

    Raises:
        TableError: If the ops that the target runs make no network.
    """
    space, usable = table.space, table.usable()
    starts = [
        np.where(usable[:, op], op, np.argmax(usable, axis=1))
        for op in range(len(space.ops))
    ]
    found = [network for start in starts if (network := _network(space, start))]
    if not found:
        raise TableError(f"The ops that {table.target} runs make no network: add one.")
    best, time = _least(found, table)
    while True:
        moves = [
            network
            for here in _together(space)
            for op in range(len(space.ops))
            if usable[here, op].all()
            and (network := _network(space, np.where(here, op, best.indices)))
        ]
        better, less = _least([best, *moves], table)
        if less >= time:
            return best
        best, time = better, less


def _least(
    networks: Sequence[Architecture], table: LatencyTable
) -> tuple[Architecture, float]:
    times = [table.predict(network).latency_ms for network in networks]
    return networks[int(np.argmin(times))], min(times)


def _together(space: Space) -> list[NDArray[np.bool_]]:
    """Choices worth changing at once, as masks."""
    every = np.arange(len(space.choices))
    return [np.isin(every, choices) for choices in space.together()]


def _network(space: Space, indices: Any) -> Architecture | None:
    """The network of these ops; None where they make none."""
    try:
        return Architecture(space, tuple(map(int, indices)))
    except SettingsError:
        return None


def slowest(table: LatencyTable) -> Architecture:
    """The network of the ops that take longest, each at its choice; empty ones last."""
    empty = [find_op(op).chain is None for op in table.space.ops]
    costs = np.where(table.usable(), table.matrix() - empty, -np.inf)
    return Architecture(table.space, tuple(map(int, np.argmax(costs, axis=1))))


def ranges(table: LatencyTable, draw: Callable[[], Architecture]) -> dict[str, Any]:
    """Least, median and most that networks of a space cost.

    Args:
        table: Prices; the least and the most are of the fastest network and of the ops
            that cost most at every choice.
        draw: Gives a random network; the median is that of 1,000.

    Returns:
        `latency_ms` and `params`, each with `min`, `median`, `max`.
    """
    drawn = [draw() for _ in range(1000)]
    ends = [fastest(table), slowest(table)]
    found = {}
    for name, cost in (
        ("latency_ms", lambda member: table.predict(member).latency_ms),
        ("params", count_params),
    ):
        all_costs = [cost(member) for member in (*drawn, *ends)]
        median = float(np.median(all_costs[: len(drawn)]))
        found[name] = {"min": min(all_costs), "median": median, "max": max(all_costs)}
    return found


def space_ranges(table: LatencyTable) -> dict[str, Any]:
    """What networks of a table's space cost, before any search."""
    return ranges(table, partial(random_architecture, table.space, random.Random(0)))
