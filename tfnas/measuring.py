"""Named models -> times on a device: in rounds, resumable, with an eye on drift."""

import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfnas.errors import RefusedError
from tfnas.journal import Journal
from tfnas.measurement import REFUSED, UNSTABLE, Measurement
from tfnas.progress import bar, say
from tfnas.targets import Target

MAX_SPREAD = 0.1
_CONVERTING = 40  # what converting a model takes, in blocks of runs; for the ETA alone

Makers = Mapping[str, Callable[[], bytes]]


def measure(
    makers: Makers,
    device: Target,
    book: Journal,
    *,
    runs: int,
    warmup: int,
    rng: random.Random,
) -> dict[str, Measurement]:
    """Measure every model, and those again whose rounds disagree.

    A round takes each model once, in a new order, so that a busy moment of the device
    touches all of them a little and none of them wholly.

    Args:
        makers: Makes the .tflite of every item.
        device: Where.
        book: What was measured before, and where the rest is kept.
        runs: Timed runs of an item in each round.
        warmup: Runs before them that are not counted.
        rng: Draws the orders.

    Returns:
        All runs of every item; of those that were measured again, the later ones. A
        model that the device refuses is flagged `unusable`, and costs nothing.

    Raises:
        TargetError: If the device is lost; the book has the rest.
    """
    first, again = range(device.rounds), range(device.rounds, 2 * device.rounds)
    _rounds(makers, device, book, first, runs, warmup, rng)
    shaky = {item: make for item, make in makers.items() if disagree(book, item, first)}
    _rounds(shaky, device, book, again, runs, warmup, rng)
    return {
        item: _merged(book, item, again if item in shaky else first) for item in makers
    }


def disagree(book: Journal, item: str, rounds: Sequence[int]) -> bool:
    """Whether the rounds of an item disagree: half of their medians by over 10 %."""
    medians = [book.blocks[item, number].median_ms for number in rounds]
    low, middle, high = np.quantile(medians, (0.25, 0.5, 0.75))
    return bool(high - low > MAX_SPREAD * middle)


def _merged(book: Journal, item: str, rounds: Sequence[int]) -> Measurement:
    blocks = [book.blocks[item, number] for number in rounds]
    flags = [flag for block in blocks for flag in block.flags]
    if disagree(book, item, rounds):
        flags.append(UNSTABLE)
    return Measurement(
        tuple(ms for block in blocks for ms in block.runs_ms),
        blocks[0].arena_bytes,
        tuple(dict.fromkeys(flags)),
    )


def _rounds(
    makers: Makers,
    device: Target,
    book: Journal,
    rounds: Sequence[int],
    runs: int,
    warmup: int,
    rng: random.Random,
) -> None:
    """Do those rounds that the book does not have."""
    todo = {
        number: [item for item in makers if (item, number) not in book.blocks]
        for number in rounds
    }
    items = [item for item in makers if any(item in here for here in todo.values())]
    if not items:
        return
    work = _CONVERTING * len(items) + sum(map(len, todo.values()))
    models = {}
    with bar(work, f"Measuring on {device.name}") as progress:
        for item in items:
            try:
                models[item] = device.compile(makers[item]())
            except RefusedError as error:
                say(f"Warning: {item} is unusable. {error}")
            progress.update(_CONVERTING)
        for number, here in todo.items():
            order = rng.sample(here, len(here))
            usable = [item for item in order if item in models]
            timed = device.measure([models[item] for item in usable], runs, warmup)
            for item in order:
                block = next(timed) if item in models else REFUSED
                book.add(item, number, block)
                progress.update()
