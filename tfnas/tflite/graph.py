"""Keras model -> .tflite bytes, and what is in them."""

from collections import Counter
from functools import cache

from tfnas.errors import ModelError

# What the networks of a cell space convert to; anything else ran on a slow path once.
DEPLOYABLE_OPS = frozenset(
    {
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "MAX_POOL_2D",
        "AVERAGE_POOL_2D",
        "ADD",
        "CONCATENATION",
        "MEAN",
        "FULLY_CONNECTED",
        "RESHAPE",
        "PAD",
    }
)


@cache
def _op_names() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {
        code: name
        for name, code in vars(schema.BuiltinOperator).items()
        if not name.startswith("_")
    }


def graph(flatbuffer: bytes) -> tuple[list[str], Counter[str]]:
    """The ops of a model in order, and how many tensors have each type.

    Args:
        flatbuffer: A .tflite model.

    Returns:
        Names such as `"CONV_2D"`, and counts such as `{"INT8": 9, "INT32": 4}`.

    Raises:
        ModelError: If it is no .tflite model.
    """
    from ai_edge_litert import schema_py_generated as schema

    if flatbuffer[4:8] != b"TFL3":
        raise ModelError("It is no .tflite model")
    types = {code: name for name, code in vars(schema.TensorType).items()}
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    names = [
        _op_names()[codes[op.opcodeIndex]]
        for part in model.subgraphs
        for op in part.operators or []
    ]
    tensors = [tensor for part in model.subgraphs for tensor in part.tensors]
    return names, Counter(types[tensor.type] for tensor in tensors)


def check_int8(
    flatbuffer: bytes, allowed: frozenset[str] = DEPLOYABLE_OPS
) -> list[str]:
    """Refuse a model that would leave int8 or run an op nobody priced.

    Args:
        flatbuffer: A .tflite model.
        allowed: Ops it may hold.

    Returns:
        Its ops, in order.

    Raises:
        ModelError: If an op is not allowed, or a tensor is neither int8 nor int32.
    """
    ops, types = graph(flatbuffer)
    if strange := sorted(set(ops) - allowed):
        raise ModelError(
            f"The int8 model holds {', '.join(strange)}, which is not among "
            f"{', '.join(sorted(allowed))}"
        )
    if mixed := sorted(set(types) - {"INT8", "INT32"}):
        raise ModelError(
            f"The int8 model holds tensors of {', '.join(mixed)}: "
            "a part was not quantized"
        )
    return ops
