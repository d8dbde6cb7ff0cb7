"""What is in a .tflite: its operators and tensors."""

from collections import Counter
from functools import cache
from typing import Any, NamedTuple

from tfnas.errors import ModelError


class Operator(NamedTuple):
    """One operator of a model.

    Attributes:
        name: Such as `CONV_2D`.
        version: Of the operator; later ones do more.
        node: It as the schema of .tflite has it: inputs, outputs, options.
        tensors: Of its subgraph; `node` names them by their index.
    """

    name: str
    version: int
    node: Any
    tensors: Any


def parse(flatbuffer: bytes) -> tuple[Any, list[Operator]]:
    """Read a model.

    Args:
        flatbuffer: A .tflite model.

    Returns:
        It as the schema of .tflite has it, and its operators in order.

    Raises:
        ModelError: If it is no .tflite model.
    """
    from ai_edge_litert import schema_py_generated as schema

    if flatbuffer[4:8] != b"TFL3":
        raise ModelError("It is no .tflite model")
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    codes = [
        (_names("BuiltinOperator")[max(c.builtinCode, c.deprecatedBuiltinCode)], c)
        for c in model.operatorCodes
    ]
    found = []
    for part in model.subgraphs:
        for node in part.operators or []:
            name, code = codes[node.opcodeIndex]
            found.append(Operator(name, code.version, node, part.tensors))
    return model, found


def type_name(tensor: Any) -> str:
    """The type of a tensor of a parsed model, such as `INT8`."""
    return _names("TensorType")[tensor.type]


@cache
def _names(enum: str) -> dict[int, str]:
    """Names of an enumeration of the schema, by their numbers."""
    from ai_edge_litert import schema_py_generated as schema

    members = vars(getattr(schema, enum)).items()
    return {code: name for name, code in members if not name.startswith("_")}


def graph(flatbuffer: bytes) -> tuple[list[str], Counter[str]]:
    """The ops of a model in order, and how many tensors have each type.

    Args:
        flatbuffer: A .tflite model.

    Returns:
        Names such as `"CONV_2D"`, and counts such as `{"INT8": 9, "INT32": 4}`.

    Raises:
        ModelError: If it is no .tflite model.
    """
    model, operators = parse(flatbuffer)
    tensors = [tensor for part in model.subgraphs for tensor in part.tensors]
    return [op.name for op in operators], Counter(map(type_name, tensors))


def check_int8(flatbuffer: bytes, allowed: frozenset[str]) -> list[str]:
    """Refuse a model that would leave int8 or run an op nobody priced.

    Args:
        flatbuffer: A .tflite model.
        allowed: Ops it may hold, such as `Space.tflite_ops`.

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
