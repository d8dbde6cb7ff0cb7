"""Named models -> times on a device: in rounds, resumable, with an eye on drift."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfnas.errors import RefusedError
from tfnas.latency.journal import Journal
from tfnas.support.progress import bar, say
from tfnas.targets.measurement import REFUSED, UNSTABLE, Measurement
from tfnas.targets.target import Target

MAX_SPREAD = 0.1
_ROUND_MS, _MOST_RUNS = 100, 20_000  # of a model that is measured alone
_CONVERTING = 40  # what converting a model takes, in blocks of runs; for the ETA alone
Makers = Mapping[str, Callable[[], bytes]]


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a model runs in one round of measuring.

    Attributes:
        runs: Runs that are timed.
        warmup: Runs before them that are not counted.
    """

    runs: int = 50
    warmup: int = 10


TIMING = Timing()


def measure(
    makers: Makers,
    device: Target,
    journal: Journal,
    timing: Timing,
    rng: random.Random,
) -> dict[str, Measurement]:
    """Measure every model, and those again whose rounds disagree.

    A round takes each model once, in a new order, so that a busy moment of the device
    touches all of them a little and none of them wholly.

    Args:
        makers: Makes the .tflite of every item.
        device: Where.
        journal: What was measured before, and where the rest is kept.
        timing: Runs of an item in each round.
        rng: Draws the orders.

    Returns:
        All runs of every item; of those that were measured again, the later ones. A
        model that the device refuses is flagged `unusable`, and costs nothing.

    Raises:
        TargetError: If the device is lost; the journal has the rest.
    """
    rounds = device.traits.rounds
    first, again = range(rounds), range(rounds, 2 * rounds)
    _measure_rounds(makers, device, journal, first, timing, rng)

    def blocks(item: str, rounds: Sequence[int]) -> list[Measurement]:
        return [journal.blocks[item, number] for number in rounds]

    shaky = {item: m for item, m in makers.items() if disagree(blocks(item, first))}
    _measure_rounds(shaky, device, journal, again, timing, rng)
    return {
        item: _merged(blocks(item, again if item in shaky else first))
        for item in makers
    }


def measure_alone(model: bytes, device: Target) -> Measurement:
    """Measure one model, in rounds that outlast a busy moment.

    The rounds of many models take turns; those of one follow each other, and a fast one
    would have all of them in a bad moment. On a device that is timed a round therefore
    takes a tenth of a second or more, and rounds that disagree are repeated.

    Args:
        model: Compiled for the device.
        device: Where.

    Raises:
        TargetError: If the device is lost.
    """
    runs, rounds = TIMING.runs, device.traits.rounds
    if rounds > 1:
        (probe,) = device.measure([model], TIMING.warmup, 1)
        enough = math.ceil(_ROUND_MS / max(probe.median_ms, 1e-3))
        runs = min(max(runs, enough), _MOST_RUNS)
    blocks = [*device.measure([model] * rounds, runs, TIMING.warmup)]
    if disagree(blocks):
        blocks = [*device.measure([model] * rounds, runs, TIMING.warmup)]
    return _merged(blocks)


def disagree(blocks: Sequence[Measurement]) -> bool:
    """Whether the rounds of an item disagree: half of their medians by over 10 %."""
    medians = [block.median_ms for block in blocks]
    low, middle, high = np.quantile(medians, (0.25, 0.5, 0.75))
    return bool(high - low > MAX_SPREAD * middle)


def _merged(blocks: Sequence[Measurement]) -> Measurement:
    flags = [flag for block in blocks for flag in block.flags]
    if disagree(blocks):
        flags.append(UNSTABLE)
    peaks = [b.peak_memory_bytes for b in blocks if b.peak_memory_bytes is not None]
    return replace(
        blocks[0],
        peak_memory_bytes=max(peaks, default=None),
        runs_ms=tuple(ms for block in blocks for ms in block.runs_ms),
        flags=tuple(dict.fromkeys(flags)),
        rounds_ms=tuple(block.median_ms for block in blocks),
    )


def _measure_rounds(
    makers: Makers,
    device: Target,
    journal: Journal,
    rounds: Sequence[int],
    timing: Timing,
    rng: random.Random,
) -> None:
    """Do those rounds that the journal does not have."""
    todo = {
        number: [item for item in makers if (item, number) not in journal.blocks]
        for number in rounds
    }
    items = [item for item in makers if any(item in here for here in todo.values())]
    if not items:
        return
    work = _CONVERTING * len(items) + sum(map(len, todo.values()))
    models: dict[str, bytes | None] = {}
    with bar(work, f"Measuring on {device.name}") as progress:
        for number, here in todo.items():
            order = rng.sample(here, len(here))
            # One round is one of estimates: each is kept as soon as it is known.
            one_by_one = [[item] for item in order]
            for batch in one_by_one if device.traits.rounds == 1 else [order]:
                for item in batch:
                    if item not in models:
                        models[item] = _compiled(item, makers[item], device)
                        progress.update(_CONVERTING)
                ready = [model for item in batch if (model := models[item])]
                timed = device.measure(ready, timing.runs, timing.warmup)
                for item in batch:
                    journal.add(item, number, next(timed) if models[item] else REFUSED)
                    progress.update()


def _compiled(item: str, make: Callable[[], bytes], device: Target) -> bytes | None:
    """The model for the device; None where its compiler refuses it."""
    try:
        return device.compile(make())
    except RefusedError as error:
        say(f"Warning: {item} is unusable. {error}")
        return None
