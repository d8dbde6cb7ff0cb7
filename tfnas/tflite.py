"""Keras model -> int8 .tflite bytes, what is in them, and back to numbers."""

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
    from tensorflow.lite.python.convert_phase import ConverterError
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)]
    call = tf.function(lambda x: model(x, training=False), input_signature=signature)
    with quiet():
        frozen = convert_variables_to_constants_v2(call.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [image[None]] for image in calibration
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        # The only way to say so (TensorFlow 2.21); its op version does not tell.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = (
            per_tensor_dense
        )
        converter.inference_output_type = tf.int8
        try:
            flatbuffer: bytes = converter.convert()
        except ConverterError as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"The network has no full-int8 form: {reason}") from error
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
    """
    from ai_edge_litert import schema_py_generated as schema

    types = {code: name for name, code in vars(schema.TensorType).items()}
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    (subgraph,) = model.subgraphs
    names = [_op_names()[codes[op.opcodeIndex]] for op in subgraph.operators]
    return names, Counter(types[tensor.type] for tensor in subgraph.tensors)


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


class Int8Model:
    """Runs an int8 .tflite model on float images.

    Args:
        flatbuffer: What `convert_int8` returned.
        threads: Threads of the LiteRT interpreter.
    """

    def __init__(self, flatbuffer: bytes, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with quiet():
            self._interpreter = Interpreter(
                model_content=flatbuffer, num_threads=threads
            )
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    @property
    def output_step(self) -> float:
        """The float value of one int8 step of the output."""
        scale: float = self._output["quantization"][0]
        return scale

    def predict(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run images one by one.

        Args:
            images: Shape `(batch, height, width, channels)`.

        Returns:
            Dequantized outputs, shape `(batch, num_classes)`.
        """
        scale, zero = self._input["quantization"]
        steps = np.clip(np.round(images / scale) + zero, -128, 127).astype(np.int8)
        raw = np.stack([self._run(image[None]) for image in steps])
        scale, zero = self._output["quantization"]
        return np.float32(scale) * (raw.astype(np.float32) - np.float32(zero))

    def _run(self, image: NDArray[np.int8]) -> NDArray[np.int8]:
        self._interpreter.set_tensor(self._input["index"], image)
        self._interpreter.invoke()
        output: NDArray[np.int8] = self._interpreter.get_tensor(self._output["index"])[
            0
        ]
        return output
