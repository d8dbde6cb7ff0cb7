"""A float network -> the same, computing as its int8 form will, by tfmot's wrappers."""

from typing import Any

import tensorflow as tf

from tfnas.deploy.qat.grids import Range
from tfnas.deploy.qat.legacy_keras import tf_keras, tfmot
from tfnas.tflite.traits import PLAIN, Traits

_layers = tf_keras.layers
# The kernel of a layer, and the axes along which its weights share a scale.
_KERNELS = {
    _layers.Conv2D: ("kernel", (0, 1, 2)),
    _layers.DepthwiseConv2D: ("depthwise_kernel", (0, 1, 3)),
    _layers.Dense: ("kernel", (0,)),
}


class Weights(tfmot.quantizers.Quantizer):
    """Rounds weights to steps, 127 of which reach the largest that shares the scale.

    Rounding has no useful gradient: it is passed on unchanged (arXiv 1308.3432). The
    arithmetic folds away in the converter, which then rounds by the same rule. It could
    not read fake-quantization along any axis of a kernel but the last.

    Args:
        axes: Axes along which weights share a scale.
    """

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Nothing to remember."""
        del tensor_shape, name, layer
        return {}

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        del training, weights, kwargs
        step = tf.reduce_max(tf.abs(inputs), self.axes, keepdims=True) / 127
        rounded = step * tf.round(tf.math.divide_no_nan(inputs, step))
        return inputs + tf.stop_gradient(rounded - inputs)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"axes": self.axes}


class Activations(tfmot.quantizers.Quantizer):
    """Puts activations on 256 steps between two values that stay.

    tfmot's moving averages begin at -6..6, and take thousands of steps to forget it.

    Args:
        low: Lowest value, at most 0.
        high: Highest value, above `low`.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Nothing to remember."""
        del tensor_shape, name, layer
        return {}

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        del training, weights, kwargs
        return tf.quantization.fake_quant_with_min_max_vars(inputs, self.low, self.high)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"low": self.low, "high": self.high}


class LayerConfig(tfmot.QuantizeConfig):
    """What of a layer is quantized.

    Args:
        kernel: Attribute with the weights, or None.
        axes: As for `Weights`.
        output: Range of the output, or None where the next layer is fused into it.
    """

    def __init__(
        self, kernel: str | None, axes: tuple[int, ...], output: Range | None
    ) -> None:
        self.kernel, self.axes, self.output = kernel, axes, output

    def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
        if self.kernel is None:
            return []
        return [(getattr(layer, self.kernel), Weights(self.axes))]

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
        for kernel in quantize_weights:
            setattr(layer, str(self.kernel), kernel)

    def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
        del layer
        return []

    def set_quantize_activations(self, layer: Any, quantize_activations: Any) -> None:
        del layer, quantize_activations

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        del layer
        return [] if self.output is None else [Activations(*self.output)]

    def get_config(self) -> dict[str, Any]:
        return {"kernel": self.kernel, "axes": self.axes, "output": self.output}


def fake_quantized(
    network: Any, ranges: dict[str, Range], *, traits: Traits = PLAIN
) -> Any:
    """Copy a network so that it rounds as its int8 form will; it can be trained.

    Args:
        network: A float `tf_keras.Model` of images.
        ranges: What `tfnas.deploy.qat.grids.ranges` returned of it.
        traits: Of the device it is for.

    Returns:
        A `tf_keras.Model` of the same images and outputs.
    """

    def wrap(layer: Any) -> Any:
        copy = type(layer).from_config(layer.get_config())
        copy.build(layer.input_shape)
        copy.set_weights(layer.get_weights())
        kernel, axes = _KERNELS.get(type(layer), (None, ()))
        if traits.per_tensor_dense and isinstance(layer, _layers.Dense):
            axes = (0, 1)
        config = LayerConfig(kernel, axes, ranges.get(layer.name))
        return tfmot.QuantizeWrapperV2(copy, config, name=layer.name)

    inner = tf_keras.models.clone_model(network, clone_function=wrap)
    image = tf_keras.Input(network.input_shape[1:], name="image")
    pixels = Activations(0.0, 1.0)(image, training=None, weights={})
    return tf_keras.Model(image, inner(pixels), name="int8")
