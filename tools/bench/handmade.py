"""Networks that people write by hand, each a Keras function of a few lines.

A network takes images of any size; strides that would leave less than 3 pixels are
taken back, as our own chains do it. `layers` is the module of layers, so that they are
trained by the same fast ones.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from tfnas.spaces.chain import fitting_stride, widened

Shape = tuple[int, int, int]
Network = Callable[[Any, Shape, int], Any]


def conv(
    layers: Any, x: Any, filters: int, size: Any, stride: int, relu: bool = True
) -> Any:
    """Convolution, batch norm, ReLU6."""
    stride = fitting_stride(stride, x.shape[1:3])
    return finish(
        layers, layers.Conv2D(filters, size, stride, "same", use_bias=False)(x), relu
    )


def depthwise(layers: Any, x: Any, size: int, stride: int) -> Any:
    """Depthwise convolution, batch norm, ReLU6."""
    stride = fitting_stride(stride, x.shape[1:3])
    return finish(
        layers, layers.DepthwiseConv2D(size, stride, "same", use_bias=False)(x)
    )


def finish(layers: Any, x: Any, relu: bool = True) -> Any:
    """Batch norm, ReLU6."""
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3)(x)
    return layers.ReLU(max_value=6)(x) if relu else x


def classify(layers: Any, x: Any, classes: int) -> Any:
    """Mean of the map, logits."""
    return layers.Dense(classes)(layers.GlobalAveragePooling2D()(x))


def plain(
    layers: Any, shape: Shape, classes: int, blocks: list[tuple[int, int]]
) -> Any:
    """A stack of 3x3 convolutions: filters and stride of each."""
    image = x = layers.Input(shape)
    for filters, stride in blocks:
        x = conv(layers, x, filters, 3, stride)
    return image, classify(layers, x, classes)


def resnet8(layers: Any, shape: Shape, classes: int, c: int) -> Any:
    """MLPerf Tiny's network for images."""
    image = layers.Input(shape)
    x = conv(layers, image, c, 3, 1)
    for filters, stride in ((c, 1), (2 * c, 2), (4 * c, 2)):
        y = conv(layers, conv(layers, x, filters, 3, stride), filters, 3, 1, relu=False)
        if stride > 1:
            x = layers.Conv2D(filters, 1, fitting_stride(stride, x.shape[1:3]), "same")(
                x
            )
        x = layers.ReLU(max_value=6)(layers.Add()([x, y]))
    return image, classify(layers, x, classes)


def ds_cnn(layers: Any, shape: Shape, classes: int) -> Any:
    """MLPerf Tiny's network for keywords."""
    image = layers.Input(shape)
    x = conv(layers, image, 64, (10, 4), 2)
    for _ in range(4):
        x = conv(layers, depthwise(layers, x, 3, 1), 64, 1, 1)
    return image, classify(layers, x, classes)


def mobilenet_v1(layers: Any, shape: Shape, classes: int, width: float) -> Any:
    """MobileNet (arXiv 1704.04861, table 1)."""
    image = layers.Input(shape)
    x = conv(layers, image, int(32 * width), 3, 2)
    strided = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2))
    for filters, stride in (*strided, *((512, 1),) * 5, (1024, 2), (1024, 1)):
        x = conv(layers, depthwise(layers, x, 3, stride), int(filters * width), 1, 1)
    return image, classify(layers, x, classes)


def mobilenet_v2(layers: Any, shape: Shape, classes: int, width: float) -> Any:
    """MobileNetV2 (arXiv 1801.04381, table 2)."""
    image = layers.Input(shape)
    x = conv(layers, image, widened(32, width), 3, 2)
    for t, c, n, s in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for stride in (s, *(1,) * (n - 1)):
            x = _inverted(layers, x, t * x.shape[-1], widened(c, width), stride)
    return image, classify(layers, conv(layers, x, 1280, 1, 1), classes)


def _inverted(layers: Any, x: Any, wide: int, filters: int, stride: int) -> Any:
    y = conv(layers, x, wide, 1, 1) if wide > x.shape[-1] else x
    y = conv(layers, depthwise(layers, y, 3, stride), filters, 1, 1, relu=False)
    return layers.Add()([x, y]) if x.shape == y.shape else y


def mobilenet_v3(layers: Any, shape: Shape, classes: int) -> Any:
    """MobileNetV3-Small, minimalistic (arXiv 1905.02244 and its published code)."""
    image = layers.Input(shape)
    x = conv(layers, image, 16, 3, 2)
    for wide, filters, stride in (
        (16, 16, 2),
        (72, 24, 2),
        (88, 24, 1),
        (96, 40, 2),
        (240, 40, 1),
        (240, 40, 1),
        (120, 48, 1),
        (144, 48, 1),
        (288, 96, 2),
        (576, 96, 1),
        (576, 96, 1),
    ):
        x = _inverted(layers, x, wide, filters, stride)
    x = layers.GlobalAveragePooling2D(keepdims=True)(conv(layers, x, 576, 1, 1))
    x = layers.ReLU(max_value=6)(layers.Conv2D(1024, 1)(x))
    return image, layers.Dense(classes)(layers.Flatten()(x))


def _stacks(c: int) -> dict[str, Network]:
    """Plain stacks of 3, 5 and 8 convolutions that begin with so many channels."""
    three = [(c, 2), (2 * c, 2), (4 * c, 2)]
    five = [(c, 2), (2 * c, 1), (2 * c, 2), (4 * c, 1), (4 * c, 2)]
    first, second, third = [(c, 2), (c, 1)], [(2 * c, 2)], [(4 * c, 2)]
    eight = [*first, *second, *[(2 * c, 1)] * 2, *third, *[(4 * c, 1)] * 2]
    return {
        f"plain{len(blocks)} {c}": partial(plain, blocks=blocks)
        for blocks in (three, five, eight)
    }


HANDMADE: dict[str, Network] = {
    **_stacks(8),
    **_stacks(16),
    **_stacks(32),
    "resnet8 8": partial(resnet8, c=8),
    "resnet8 16": partial(resnet8, c=16),
    "ds_cnn": ds_cnn,
    "mobilenet_v1 0.25": partial(mobilenet_v1, width=0.25),
    "mobilenet_v1 0.5": partial(mobilenet_v1, width=0.5),
    "mobilenet_v2 0.35": partial(mobilenet_v2, width=0.35),
    "mobilenet_v2 0.5": partial(mobilenet_v2, width=0.5),
    "mobilenet_v3 small": mobilenet_v3,
}
