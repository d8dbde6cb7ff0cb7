"""Keras model -> .tflite bytes, and what is in them."""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfnas.errors import ModelError
from tfnas.quiet import quiet

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


def convert_int8(
    model: Any,
    calibration: Iterable[NDArray[np.float32]],
    *,
    per_tensor_dense: bool = False,
) -> bytes:
    """Quantize a model to int8 weights and activations, with int8 input and output.

    The model is traced and frozen first, which converts five times faster than
    `from_keras_model`, with the same bytes.

    Args:
        model: Built Keras model of one input, shape `(batch, height, width, channels)`.
        calibration: Images that set the activation ranges, each of shape
            `(height, width, channels)`; about 100 do.
        per_tensor_dense: One scale for all weights of a dense layer, as the Edge TPU
            needs it; TensorFlow's default is one for each output.

    Returns:
        The .tflite flatbuffer.

    Raises:
        ModelError: If an op has no int8 kernel.
    """
    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # The only way to say so (TensorFlow 2.21); its op version does not tell.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = (
        per_tensor_dense
    )
    return _converted(converter)


def convert_float(model: Any, precision: str) -> bytes:
    """Convert a model that computes in float.

    Args:
        model: As for `convert_int8`.
        precision: Of its weights: `float32`; `float16`, half the size; or `dynamic`,
            int8 weights whose activations are quantized while it runs.

    Returns:
        The .tflite flatbuffer; input and output are float32.
    """
    converter = _converter(model)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return _converted(converter)


def _converter(model: Any) -> Any:
    """A converter of the model's frozen graph."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)]
    call = tf.function(lambda x: model(x, training=False), input_signature=signature)
    with quiet():
        frozen = convert_variables_to_constants_v2(call.get_concrete_function())
        return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


def _converted(converter: Any) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError

    with quiet():
        try:
            flatbuffer: bytes = converter.convert()
        except ConverterError as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"The network cannot be converted: {reason}") from error
    return flatbuffer


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
