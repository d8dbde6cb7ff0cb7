"""The candidate ops, and the fixed parts around them, as chains of Keras layers.

Names and definitions follow DARTS (https://arxiv.org/abs/1806.09055, section 3.1.1) in
an order that deploys: convolution, batch norm, ReLU6, which one int8 op does; nothing
after a pooling or an identity.

To add an op: write a function and add a line to `OPS`.
Every function takes `layers`, the module the layers come from (`keras.layers`, or
`tf_keras.layers` for quantization-aware training), and a prefix for their names.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

Chain = list[Any]


def conv_bn(
    layers: Any,
    filters: int,
    stride: int,
    name: str,
    *,
    size: int = 1,
    relu: bool = True,
) -> Chain:
    """Convolution, batch norm, ReLU6: one CONV_2D once converted."""
    conv = layers.Conv2D(
        filters, size, stride, "same", use_bias=False, name=f"{name}_conv"
    )
    return [conv, *_bn_relu(layers, name, relu)]


def separable(
    layers: Any, filters: int, stride: int, name: str, *, size: int, dilation: int = 1
) -> Chain:
    """Depthwise then pointwise convolution, with nothing between (arXiv 1610.02357)."""
    depthwise = layers.DepthwiseConv2D(
        size,
        stride,
        "same",
        dilation_rate=dilation,
        use_bias=False,
        name=f"{name}_depthwise",
    )
    return [depthwise, *conv_bn(layers, filters, 1, name)]


def _bn_relu(layers: Any, name: str, relu: bool) -> Chain:
    bn = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_bn")
    return [bn, layers.ReLU(max_value=6, name=f"{name}_relu")] if relu else [bn]


def max_pool(layers: Any, filters: int, stride: int, name: str) -> Chain:
    """3x3 max pooling; keeps the channels, so `filters` is unused."""
    del filters
    return [layers.MaxPooling2D(3, stride, "same", name=name)]


def avg_pool(layers: Any, filters: int, stride: int, name: str) -> Chain:
    """3x3 average pooling over the pixels that exist; keeps the channels."""
    del filters
    return [layers.AveragePooling2D(3, stride, "same", name=name)]


def skip_connect(layers: Any, filters: int, stride: int, name: str) -> Chain:
    """The input itself; where it must be halved, a linear 1x1 convolution."""
    if stride == 1:
        return []
    return conv_bn(layers, filters, stride, name, relu=False)


def sep_conv(layers: Any, filters: int, stride: int, name: str, *, size: int) -> Chain:
    """Two separable convolutions, the first with the stride."""
    first = separable(layers, filters, stride, f"{name}_1", size=size)
    return [*first, *separable(layers, filters, 1, f"{name}_2", size=size)]


def dil_conv(layers: Any, filters: int, stride: int, name: str, *, size: int) -> Chain:
    """1x1 convolution with the stride, then a separable convolution with dilation 2.

    The 1x1 convolution is not in DARTS. Keras refuses a stride together with a
    dilation; and TensorFlow writes a dilation as SPACE_TO_BATCH_ND around a
    convolution, which the converter folds only where nothing else reads its input.
    """
    first = conv_bn(layers, filters, stride, f"{name}_first")
    return [*first, *separable(layers, filters, 1, name, size=size, dilation=2)]


Op = Callable[[Any, int, int, str], Chain]
# `none` has no layers: a network leaves its edge out, a mixed op counts it as zero.
OPS: dict[str, Op | None] = {
    "max_pool_3x3": max_pool,
    "skip_connect": skip_connect,
    "sep_conv_3x3": partial(sep_conv, size=3),
    "avg_pool_3x3": avg_pool,
    "sep_conv_5x5": partial(sep_conv, size=5),
    "dil_conv_3x3": partial(dil_conv, size=3),
    "dil_conv_5x5": partial(dil_conv, size=5),
    "conv_1x1": conv_bn,
    "conv_3x3": partial(conv_bn, size=3),
    "none": None,
}


def op_chain(op: str, layers: Any, filters: int, stride: int, name: str) -> Chain:
    """Fresh layers of the op called `op`; an empty chain passes its input on."""
    build = OPS[op]
    if build is None:
        raise ValueError("`none` has no layers: leave its edge out")
    return build(layers, filters, stride, f"{name}_{op}")


def run(chain: Chain, x: Any, **kwargs: Any) -> Any:
    """Apply the layers of a chain one after another."""
    for layer in chain:
        x = layer(x, **kwargs)
    return x


# The names `tfnas.spaces.ops.OPS` builds; here so that plain data needs no TensorFlow.
OP_NAMES = (
    "max_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "avg_pool_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "conv_1x1",
    "conv_3x3",
    "none",
)
WEIGHTLESS_OPS = ("max_pool_3x3", "avg_pool_3x3")
