"""What every target must offer, and what it hands back."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from tfnas.targets.measurement import Measurement

# Where times vary, every model is measured this often.
ROUNDS = 9
# Copies of an op, where its price is what each further copy adds.
COPIES = (1, 2, 4, 8)
# A shorter sample would be mostly clock: a short model runs several times in one.
_SAMPLE_S = 1e-4


class Target(Protocol):
    """A device that runs TFLite models, at an address.

    Its class takes the address, `threads` and the options it names, as keywords.

    Attributes:
        about: One line for people.
        options: Names of the keywords that its class takes beside `threads`.
        rounds: How often every model is measured, in ever another order.
        repeats: Copies of an op in the models that its time is told from: once, or
            several numbers where a call or memory would drown it.
        per_tensor_dense: Whether weights of dense layers must share one scale.
        suffix: Of the file name of a compiled model; empty where none is compiled.
        name: Its address.
        kind: Kind of its numbers: `measured`, `vendor-estimate` or `analytic`.
        device: Facts that tell this device and runtime from others.
        conditions: Facts that may change while it measures, such as its temperature.
        reach: Options that say how it is reached, and nothing of how fast it is.
        call_ms: Milliseconds of a call that no op causes, taken off every op's time;
            None where a profile is to measure it, as the time of an op on one number.
    """

    about: str
    options: tuple[str, ...]
    rounds: int
    repeats: tuple[int, ...]
    suffix: str
    per_tensor_dense: bool
    name: str
    kind: str
    device: Mapping[str, str]
    conditions: Mapping[str, str]
    reach: Mapping[str, str]
    call_ms: float | None

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
