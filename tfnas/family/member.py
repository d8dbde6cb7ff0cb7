"""One network of a family, why it was taken, and what is known of it untrained."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tfnas.family.limits import NO_LIMITS, Limits
from tfnas.latency.device import Place, memory_facts, on_target
from tfnas.latency.probes import network_model
from tfnas.latency.table import LatencyTable
from tfnas.networks.build import build
from tfnas.networks.convert import FLOATS, INT8, convert_float
from tfnas.networks.counts import count_macs, count_params, op_params
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Point, describe_budget, point_name
from tfnas.support.progress import bar
from tfnas.targets.registry import target_class

# Accuracy of a network with the supernet's weights.
Score = Callable[[Architecture], float]


class Scores(Protocol):
    """How good networks are: a quick look, and one at all images."""

    def __call__(self, member: Architecture) -> float:
        """Accuracy on few images."""

    def fully(self, member: Architecture) -> float:
        """Accuracy on all images."""


def scores_of(
    members: Collection[Architecture], score: Score, title: str
) -> dict[Architecture, float]:
    """The score of each, with a line of progress where that takes longer."""
    found = {}
    with bar(len(members), title, delay_s=1) as progress:
        for member in members:
            found[member] = score(member)
            progress.update()
    return found


@dataclass(frozen=True)
class Member:
    """One network of a family.

    Attributes:
        architecture: One op for every choice.
        point: The budget and the strength that gave it.
        table: The prices of the device it was chosen for.
        limits: What it was asked to keep.
        by_point: Whether the point was asked for; else the limits alone were.
        changed: Choices that differ from the member at the point, so that limits are
            kept, or that it scores better within them.
        searched_for: The device of the search, where that is not the table's.
    """

    architecture: Architecture
    point: Point
    table: LatencyTable
    limits: Limits = NO_LIMITS
    by_point: bool = True
    changed: int = 0
    searched_for: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Folder name, e.g. `budget-0.3-0.5-0.2` or `max-latency-ms-2`."""
        parts = [point_name(self.point)] if self.by_point else []
        parts += [
            f"max-{limit.replace('_', '-')}-{value:g}"
            for limit, value in self.limits.given.items()
        ]
        return "-".join(parts)

    def facts(self) -> dict[str, Any]:
        """What is known before it is trained: the card's first half."""
        architecture, table = self.architecture, self.table
        budget, strength = self.point
        space, priced_for = architecture.space, {"target": table.target, **table.device}
        return {
            "budget": dict(zip(space.axes, budget, strict=True)),
            "strength": strength,
            "budget_means": describe_budget(budget, space.axes),
            "limits": self.limits.given,
            "changed_choices": self.changed,
            "architecture": architecture.to_dict()["ops"],
            "op_counts": architecture.op_counts,
            "op_params": sum(map(op_params, architecture.entries)),
            "macs": count_macs(build(architecture)),
            **priced(architecture, table),
            "target": table.target,
            "table_kind": table.kind,
            "chosen_for": priced_for,
            "device": dict(table.device),
            "reach": dict(table.reach),
            "searched_for": dict(self.searched_for) or priced_for,
        }


def priced(architecture: Architecture, table: LatencyTable) -> dict[str, Any]:
    """What a network costs, as far as that is known without building it."""
    prediction = table.predict(architecture)
    return {
        "params": count_params(architecture),
        "predicted_latency_ms": prediction.latency_ms,
        "predicted_low_ms": prediction.low_ms,
        "predicted_high_ms": prediction.high_ms,
        "predicted_beyond": table.calibration.beyond,
    }


def require_untrained(member: Member, precision: str = INT8) -> None:
    """Refuse what breaks a limit before hours go into its training.

    Size and memory are those of fresh weights, which may be a few bytes off.

    Raises:
        LimitError: If it breaks a limit.
    """
    facts, limits = priced(member.architecture, member.table), member.limits
    if limits.size_bytes or limits.arena_bytes:
        facts |= untrained_bytes(member, precision)
    limits.require(facts, member.name)


def untrained_bytes(member: Member, precision: str = INT8) -> dict[str, Any]:
    """Size and memory of a member with fresh weights: the card's fields about them."""
    architecture, place = member.architecture, Place.of_table(member.table)
    if precision in FLOATS:
        flatbuffer = convert_float(build(architecture), precision)
    else:
        traits = target_class(place.target).traits
        flatbuffer = network_model(architecture, traits=traits)
    # A vendor's compiler tells memory; what is measured on a device tells none.
    compiles = place.kind == "vendor-estimate"
    timed = on_target(flatbuffer, place)[0] if compiles else None
    return {"size_bytes": len(flatbuffer), **memory_facts(flatbuffer, timed)}
