"""The device of a table: met again, and what it says of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tfnas.errors import TargetError
from tfnas.latency.rounds import measure_alone
from tfnas.latency.table import LatencyTable
from tfnas.support.progress import say
from tfnas.targets.measurement import UNUSABLE, Measurement
from tfnas.targets.registry import same_target
from tfnas.tflite import arena


@dataclass(frozen=True)
class Place:
    """A device, as a table or a card remembers it.

    Attributes:
        target: Its address.
        kind: Of its numbers.
        device: Facts that tell it from others.
        reach: How it was reached.
    """

    target: str
    kind: str
    device: Mapping[str, str]
    reach: Mapping[str, str]

    @classmethod
    def of_table(cls, table: LatencyTable) -> Self:
        """The device that a table was made on."""
        return cls(table.target, table.kind, table.device, table.reach)


def on_target(
    flatbuffer: bytes, place: Place
) -> tuple[Measurement | None, dict[str, bytes]]:
    """Compile and measure on a device.

    Args:
        flatbuffer: The .tflite.
        place: The device.

    Returns:
        Its times, None where the device is not there; and what its compiler made of the
        model, by file name.
    """
    try:
        device = same_target(place.target, place.device, place.reach)
        compiled = device.compile(flatbuffer)
        timed = measure_alone(compiled, device)
    except TargetError as error:
        say(f"Latency is not measured: {error}")
        return None, {}
    suffix = device.traits.suffix
    return timed, {f"model_int8_{suffix}.tflite": compiled} if suffix else {}


def latency_facts(timed: Measurement | None, kind: str) -> dict[str, Any]:
    """The card's fields about time on the target.

    Args:
        timed: What the target said, None where it is not there.
        kind: Of the table: an estimate is never called measured.
    """
    known = timed and UNUSABLE not in timed.flags
    told = timed.median_ms if timed and known else None
    estimated = kind in ("vendor-estimate", "analytic")
    return {
        "measured_latency_ms": None if estimated else told,
        "estimated_latency_ms": told if estimated else None,
        "latency_flags": [*timed.flags] if timed else [],
    }


def memory_facts(flatbuffer: bytes, timed: Measurement | None) -> dict[str, Any]:
    """The card's fields about memory, and who tells them.

    Args:
        flatbuffer: The .tflite, not compiled for a device.
        timed: What the target said, None where it is not there.
    """
    told, by = timed.arena_bytes if timed else None, "target"
    if told is None and arena.is_installed():
        told, by = _planned(flatbuffer), arena.BY
    return {
        "arena_bytes": told,
        "arena_by": None if told is None else by,
        "peak_memory_bytes": timed.peak_memory_bytes if timed else None,
    }


def _planned(flatbuffer: bytes) -> int | None:
    """The arena by TFLite Micro; None where that has no kernel for an op."""
    try:
        return arena.arena_bytes(flatbuffer)
    except TargetError as error:
        say(f"RAM is not known: {error}")
        return None
