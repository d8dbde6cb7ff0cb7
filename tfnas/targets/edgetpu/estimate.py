"""A guess at Edge TPU latency for cells on small images, where there is no Edge TPU.

    ms = overhead + sum over ops of (ms per million output elements) x (output elements)

Fitted by `tools/fit_edgetpu.py` on half of the Edge TPU latencies that HW-NAS-Bench
measured for NAS-Bench-201 on CIFAR-10 (32x32 to 8x8 pixels, 16 to 64 channels). Larger
maps are refused; of weights that do not fit on the chip it says nothing. Two kinds of
ops are not in those networks and are assumptions: a depthwise convolution of up to 64
channels costs what a pool does, which also works channel by channel (more channels are
refused), and a concatenation what an addition does.
"""

from collections.abc import Iterator, Sequence
from math import ceil, prod

from tfnas.errors import RefusedError
from tfnas.targets.measurement import Measurement
from tfnas.tflite.graph import parse
from tfnas.tflite.traits import Traits

OVERHEAD_MS = 0.149
MS_PER_MILLION = {"conv_1x1": 0.480, "conv": 1.274, "pool": 2.128, "add": 0.779}
ERROR = (
    "median 1.8 %, Spearman 0.992, on 870 measured NAS-Bench-201 networks that were "
    "not used for the fit; depthwise convolutions are an assumption"
)
_LARGEST_MAP = 32  # in pixels, of the networks that it was fitted on
# Channels that one tile of the chip takes at once (libedgetpu's chip structures).
_ARRAY = 64
_FREE = frozenset({"RESHAPE", "MEAN", "FULLY_CONNECTED"})  # inside the overhead
_KINDS = {
    "MAX_POOL_2D": "pool",
    "AVERAGE_POOL_2D": "pool",
    "DEPTHWISE_CONV_2D": "pool",
    "ADD": "add",
    "CONCATENATION": "add",
}


class EdgeTpuEstimate:
    """An analytic model of the Edge TPU; every table and card states its error.

    Args:
        address: `edgetpu-estimate`.
        threads: Unused: there are none.
    """

    traits = Traits(
        about="a small analytic model of the Edge TPU, for cells on small images",
        rounds=1,
        per_tensor_dense=True,
        call_ms=OVERHEAD_MS,
    )

    def __init__(self, address: str = "edgetpu-estimate", *, threads: int = 1) -> None:
        self.name, self.kind = address, "analytic"
        self.conditions: dict[str, str] = {}
        self.reach: dict[str, str] = {}
        self.device = {
            "model": "NAS-Bench-201 on CIFAR-10, fitted to HW-NAS-Bench's Edge TPU",
            "error": ERROR,
            "threads": str(threads),
        }

    @staticmethod
    def missing(address: str) -> list[str]:
        """Nothing: it is a formula."""
        del address
        return []

    def compile(self, model: bytes) -> bytes:
        """Return the model as it is."""
        return model

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """What the formula says of models."""
        del runs, warmup
        for model in models:
            yield Measurement((estimated_ms(model),))


def estimated_ms(flatbuffer: bytes) -> float:
    """The formula, for a whole int8 model.

    Raises:
        RefusedError: If the model has an op that the formula does not know.
    """
    total = OVERHEAD_MS
    for name, _, node, tensors in parse(flatbuffer)[1]:
        shapes = [tensors[index].shape for index in (*node.inputs, *node.outputs)]
        total += op_ms(name, [[*map(int, shape)] for shape in shapes])
    return total


def op_ms(name: str, shapes: Sequence[Sequence[int]]) -> float:
    """Milliseconds of one op, without the overhead of a call.

    Args:
        name: Its builtin operator, such as `CONV_2D`.
        shapes: Of its inputs, then of its output.

    Raises:
        RefusedError: If the formula does not know it, or was not fitted on such maps.
    """
    _require_fitted(name, shapes)
    if name in _FREE:
        return 0.0
    passes = 1
    if name == "CONV_2D":
        _, height, width, channels = shapes[1]
        kind = "conv_1x1" if height == width == 1 else "conv"
        passes = ceil(channels / _ARRAY)
    elif name in _KINDS:
        kind = _KINDS[name]
    else:
        raise RefusedError(f"edgetpu-estimate has no formula for {name}")
    return MS_PER_MILLION[kind] * passes * prod(shapes[-1]) / 1e6


def _require_fitted(name: str, shapes: Sequence[Sequence[int]]) -> None:
    """Refuse maps that none of the measured networks had."""
    maps = [shape for shape in (shapes[0], shapes[-1]) if len(shape) == 4]
    largest = max((side for shape in maps for side in shape[1:3]), default=1)
    if largest > _LARGEST_MAP:
        raise RefusedError(
            f"edgetpu-estimate was fitted on maps of up to {_LARGEST_MAP}x"
            f"{_LARGEST_MAP} pixels and knows nothing of {largest}"
        )
    if name == "DEPTHWISE_CONV_2D" and shapes[-1][-1] > _ARRAY:
        raise RefusedError(
            "edgetpu-estimate was fitted on up to 64 channels and knows no depthwise "
            f"convolution of {shapes[-1][-1]}"
        )
