"""What every target must offer, and what it hands back."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from tfnas.targets.measurement import Measurement
from tfnas.tflite.traits import Traits

# Copies of an op, where its price is what each further copy adds.
COPIES = (1, 2, 4, 8)
# A shorter sample would be mostly clock: a short model runs several times in one.
_SAMPLE_S = 1e-4


class Target(Protocol):
    """A device that runs TFLite models, at an address.

    Its class takes the address, and as keywords `threads` and the options it names.

    Attributes:
        traits: What it asks of models and of who times them; its class says so too.
        name: Its address.
        kind: Kind of its numbers: `measured`, `vendor-estimate` or `analytic`.
        device: Facts that tell this device and runtime from others.
        conditions: Facts that may change while it measures, such as its temperature.
        reach: Options that say how it is reached, and nothing of how fast it is.
    """

    traits: Traits
    name: str
    kind: str
    device: Mapping[str, str]
    conditions: Mapping[str, str]
    reach: Mapping[str, str]

    @staticmethod
    def missing(address: str) -> list[str]:
        """What is lacking before it can be used, with where to get it."""

    def compile(self, model: bytes) -> bytes:
        """Turn an int8 .tflite into what the device runs; a CPU runs it as it is.

        Raises:
            TargetError: If the device's compiler refuses it.
        """

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """Time compiled models in their order, at batch size 1, after a warm-up."""


def time_calls(call: Callable[[], object], runs: int, warmup: int) -> Measurement:
    """Time a call; a sample of a short one averages several calls.

    Args:
        call: One inference.
        runs: Timed samples.
        warmup: Calls before the clock counts, at least one.
    """
    for _ in range(max(1, warmup)):
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
    repeats = max(1, math.ceil(_SAMPLE_S / max(once, 1e-7)))
    runs_ms = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        runs_ms.append(1e3 * (time.perf_counter() - start) / repeats)
    return Measurement(tuple(runs_ms))
