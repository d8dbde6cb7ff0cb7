"""An int8 model on the device of a table: its times and its memory."""

from dataclasses import replace
from typing import Any

from tfnas import arena
from tfnas.errors import TargetError
from tfnas.measurement import UNUSABLE, Measurement
from tfnas.progress import say
from tfnas.table import LatencyTable
from tfnas.targets import same_target

_RUNS, _WARMUP = 50, 10


def on_target(
    flatbuffer: bytes, table: LatencyTable
) -> tuple[Measurement | None, dict[str, bytes]]:
    """Compile and measure on the table's own device.

    Args:
        flatbuffer: The int8 .tflite.
        table: Says which device.

    Returns:
        Its times, None where the device is not there; and what its compiler made of the
        model, by file name.
    """
    try:
        device = same_target(table.target, table.device, table.reach)
        compiled = device.compile(flatbuffer)
        blocks = [*device.measure([compiled] * device.rounds, _RUNS, _WARMUP)]
    except TargetError as error:
        say(f"Latency is not measured: {error}")
        return None, {}
    runs_ms = tuple(ms for block in blocks for ms in block.runs_ms)
    files = {f"model_int8_{device.suffix}.tflite": compiled} if device.suffix else {}
    return replace(blocks[0], runs_ms=runs_ms), files


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
        flatbuffer: The int8 .tflite, not compiled for a device.
        timed: What the target said, None where it is not there.
    """
    told, by = timed.arena_bytes if timed else None, "target"
    if told is None and arena.is_installed():
        told, by = arena.arena_bytes(flatbuffer), arena.BY
    return {
        "arena_bytes": told,
        "arena_by": None if told is None else by,
        "peak_memory_bytes": timed.peak_memory_bytes if timed else None,
    }
