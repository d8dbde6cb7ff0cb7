"""Keras's layers, with three that train faster on TensorFlow: for training only.

They hold the same weights under the same names and compute the same values, so a
network trained with them hands its weights to one of standard layers, which is saved.
`tools/bench/layers.py` measures each against Keras's own.
"""

from types import SimpleNamespace
from typing import Any

import keras
import tensorflow as tf
from keras import layers


class FusedBatchNormalization(layers.BatchNormalization):
    """Batch norm over the last axis by TensorFlow's fused kernel.

    Keras composes it from a dozen element-wise ops, which on a CPU are memory traffic.
    The moving variance takes the batch's unbiased estimate; Keras's takes the biased.
    """

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        if not training or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        y, mean, variance = _fused(self, inputs)
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return y


class BatchOnlyNormalization(layers.BatchNormalization):
    """Batch norm that always takes the batch, by TensorFlow's fused kernel.

    For supernets: moving averages would mix all members, so none are kept. A member is
    given its own before it is scored.
    """

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        del training, mask
        return _fused(self, inputs)[0]


def _fused(layer: Any, inputs: Any) -> Any:
    """Normalized inputs, and the batch's mean and unbiased variance."""
    return tf.compat.v1.nn.fused_batch_norm(
        inputs,
        tf.convert_to_tensor(layer.gamma),
        tf.convert_to_tensor(layer.beta),
        epsilon=layer.epsilon,
        is_training=True,
    )


class RecomputedMaxPooling2D(layers.MaxPooling2D):
    """Max pooling whose gradient repeats the forward pass beside it.

    The fast gradient kernel needs its forward pass in the same function. In a branch of
    a `tf.switch_case` the two lie apart, and the fallback is ten times slower.
    """

    def call(self, inputs: Any) -> Any:
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map({"MaxPool": _RECOMPUTED}):
            return super().call(inputs)


_RECOMPUTED = "TfnasRecomputedMaxPool"


@tf.RegisterGradient(_RECOMPUTED)  # type: ignore[untyped-decorator]
def _recomputed(op: Any, dy: Any) -> Any:
    """The gradient of a `MaxPool`, by what it has put out computed once more."""
    names = ("ksize", "strides", "padding", "data_format")
    how = {name: op.get_attr(name) for name in names}
    y = tf.raw_ops.MaxPool(input=op.inputs[0], **how)
    return tf.raw_ops.MaxPoolGrad(
        orig_input=op.inputs[0], orig_output=y, grad=dy, **how
    )


class SumOnce(layers.Add):
    """Sum of all inputs in one op, where Keras adds one after the other."""

    def _merge_function(self, inputs: Any) -> Any:
        if any(isinstance(x, keras.KerasTensor) for x in inputs):
            return super()._merge_function(inputs)
        return tf.add_n(inputs)


fast_layers = SimpleNamespace(
    **{
        **vars(layers),
        "BatchNormalization": FusedBatchNormalization,
        "MaxPooling2D": RecomputedMaxPooling2D,
        "Add": SumOnce,
    }
)
supernet_layers = SimpleNamespace(
    **{**vars(fast_layers), "BatchNormalization": BatchOnlyNormalization}
)
