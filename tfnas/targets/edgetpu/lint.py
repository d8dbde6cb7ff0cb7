"""What the Edge TPU compiler would refuse, read from the flatbuffer before it sees it.

Google's compiler is closed, made for x86-64 Linux and ended with version 16 (2021). Its
documentation (coral.ai/docs/edgetpu/models-intro) and issues of google-coral/edgetpu
(631: grouped convolution, 845: transpose convolution, 879: quantize) say what it
takes; what neither says is not guessed here.
"""

from typing import Any

from tfnas.targets.edgetpu.rules import RULES, no_rule
from tfnas.tflite.graph import Operator, parse, type_name

# Highest version of an op that compiler 16 knows, where TensorFlow writes later ones.
_NEWEST = {
    "CONV_2D": (5, "its groups are more than one"),
    "TRANSPOSE_CONV": (3, "its ReLU is fused"),
    "QUANTIZE": (2, "of another kind"),
}
# An op too many in this list does no harm: the compiler has the last word.
_SUPPORTED = frozenset(
    {
        "ADD",
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "EXPAND_DIMS",
        "FULLY_CONNECTED",
        "L2_NORMALIZATION",
        "LOGISTIC",
        "MAXIMUM",
        "MAX_POOL_2D",
        "MEAN",
        "MINIMUM",
        "MUL",
        "PACK",
        "PAD",
        "PRELU",
        "QUANTIZE",
        "REDUCE_MAX",
        "REDUCE_MIN",
        "RELU",
        "RELU6",
        "RELU_N1_TO_1",
        "RESHAPE",
        "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR",
        "RSQRT",
        "SLICE",
        "SOFTMAX",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "SQUARED_DIFFERENCE",
        "SQUEEZE",
        "STRIDED_SLICE",
        "SUB",
        "SUM",
        "TANH",
        "TRANSPOSE",
        "TRANSPOSE_CONV",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
    }
)


def lint(flatbuffer: bytes) -> list[str]:
    """Every reason to expect that the model does not run whole on an Edge TPU.

    Args:
        flatbuffer: An int8 .tflite, not compiled yet.

    Returns:
        A sentence for each op that breaks a documented rule, in the graph's order.
    """
    model, operators = parse(flatbuffer)
    if len(model.subgraphs) > 1:
        return ["The model has several subgraphs, control flow: it cannot be compiled"]
    return [
        f"Op {number}, {op.name}: {reason}"
        for number, op in enumerate(operators)
        for reason in dict.fromkeys(_reasons(op, model.buffers))
    ]


def _reasons(op: Operator, buffers: Any) -> list[str]:
    used = (*op.node.inputs, *op.node.outputs)
    tensors = [op.tensors[index] for index in used if index >= 0]
    return [
        *_by_name(op.name, op.version),
        *(
            reason
            for tensor in tensors
            for reason in _by_tensor(tensor, buffers[tensor.buffer].data)
        ),
        *RULES.get(op.name, no_rule)(op.node, op.tensors, buffers),
    ]


def _by_name(name: str, version: int) -> list[str]:
    if name not in _SUPPORTED:
        return ["not an op of the Edge TPU"]
    newest, why = _NEWEST.get(name, (version, ""))
    if version > newest:
        return [
            f"version {version}, for {why}; the compiler knows versions up to {newest}"
        ]
    return []


def _by_tensor(tensor: Any, constant: Any) -> list[str]:
    reasons = []
    if type_name(tensor) not in ("INT8", "UINT8", "INT32"):
        reasons.append("a tensor is neither int8 nor uint8")
    shape = [*tensor.shape] if tensor.shape is not None else []
    signature = tensor.shapeSignature
    if signature is not None and -1 in [*signature]:
        reasons.append("a tensor's shape is not static")
    if constant is None and sum(extent > 1 for extent in shape) > 3:
        reasons.append("a tensor has more than three dimensions above 1")
    return reasons
