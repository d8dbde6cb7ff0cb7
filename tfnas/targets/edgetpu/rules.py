"""What the Edge TPU asks of single ops (coral.ai/docs/edgetpu/models-intro).

A rule takes an operator of the flatbuffer, the tensors of its graph and the buffers of
its model, and returns a clause for each thing that the Edge TPU does not do.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

_SOFTMAX_LIMIT = 16_000


def no_rule(op: Any, tensors: Any, buffers: Any) -> list[str]:
    """Most ops run with any attributes."""
    del op, tensors, buffers
    return []


def _convolution(op: Any, tensors: Any, buffers: Any) -> list[str]:
    del tensors, buffers
    options = op.builtinOptions
    equal = options.dilationWFactor == options.dilationHFactor
    return [] if equal else ["its dilations in x and y differ"]


def _dense(op: Any, tensors: Any, buffers: Any) -> list[str]:
    del buffers
    scales = tensors[op.inputs[1]].quantization.scale
    if scales is not None and len(scales) > 1:
        return ["its weights are quantized per channel: the Edge TPU cannot do that"]
    return []


def _not_fused(op: Any, tensors: Any, buffers: Any) -> list[str]:
    del tensors, buffers
    fused = op.builtinOptions.fusedActivationFunction
    return ["it has a fused activation"] if fused else []


def _softmax(op: Any, tensors: Any, buffers: Any) -> list[str]:
    del buffers
    size = math.prod(int(extent) for extent in tensors[op.inputs[0]].shape)
    long = size > _SOFTMAX_LIMIT
    return [f"its input has more than {_SOFTMAX_LIMIT:,} elements"] if long else []


def _mean(op: Any, tensors: Any, buffers: Any) -> list[str]:
    image = tensors[op.inputs[0]]
    rank = len(image.shape)
    axes = {int(axis) % rank for axis in _constant(op.inputs[1], tensors, buffers)}
    reasons = ["it reduces the batch"] if 0 in axes and rank > 1 else []
    if rank == 4 and 3 in axes and image.shape[3] % 4:
        reasons.append("it reduces channels whose number is no multiple of 4")
    return reasons


def _pad(op: Any, tensors: Any, buffers: Any) -> list[str]:
    before, after = _constant(op.inputs[1], tensors, buffers)[:2]
    return ["it pads the batch"] if before or after else []


def _pack(op: Any, tensors: Any, buffers: Any) -> list[str]:
    del buffers
    axis = int(op.builtinOptions.axis) % len(tensors[op.outputs[0]].shape)
    return ["it packs along the batch"] if axis == 0 else []


def _strided_slice(op: Any, tensors: Any, buffers: Any) -> list[str]:
    strides = {int(stride) for stride in _constant(op.inputs[3], tensors, buffers)}
    return [] if strides == {1} else ["its strides are not all 1"]


def _prelu(op: Any, tensors: Any, buffers: Any) -> list[str]:
    del buffers
    shape = [int(extent) for extent in tensors[op.inputs[1]].shape]
    return [] if math.prod(shape) == shape[-1] else ["its alpha is not one-dimensional"]


def _constant(index: int, tensors: Any, buffers: Any) -> list[int]:
    """The int32 values of a constant tensor."""
    data = buffers[tensors[index].buffer].data
    return [] if data is None else np.asarray(data, np.uint8).view(np.int32).tolist()


RULES: dict[str, Callable[[Any, Any, Any], list[str]]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _dense,
    "AVERAGE_POOL_2D": _not_fused,
    "MAX_POOL_2D": _not_fused,
    "CONCATENATION": _not_fused,
    "SOFTMAX": _softmax,
    "MEAN": _mean,
    "PAD": _pad,
    "PACK": _pack,
    "STRIDED_SLICE": _strided_slice,
    "PRELU": _prelu,
}
