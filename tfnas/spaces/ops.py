"""The candidate ops, and the fixed parts around them: the one place that defines an op.

Definitions follow DARTS (https://arxiv.org/abs/1806.09055, section 3.1.1), MobileNetV2
(https://arxiv.org/abs/1801.04381) and EfficientNet-EdgeTPU's fused blocks in an order
that deploys: convolution, batch norm, ReLU6, which one int8 op does; nothing after a
pooling or an identity.

To add an op: write a function and a line in `OPS`. Another package offers an `Op` in
the entry-point group `tfnas.ops`; a space of your own may also name one as
`package.module:NAME`. A function takes `layers`, the module the layers come from
(`keras.layers`, the supernet's faster ones, `tf_keras.layers` for training with int8),
the slot and a prefix for the layers' names. Nothing here imports Keras.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tfnas.errors import SettingsError
from tfnas.spaces.site import Site, Slot
from tfnas.support.plugins import from_module, resolve

Chain = list[Any]
Make = Callable[[Any, Slot, str], Chain]


@dataclass(frozen=True)
class Op:
    """A candidate.

    Attributes:
        name: Begins the names of its layers; letters, digits and underscores.
        chain: Makes the layers that run one after another, from a module of layers, a
            slot and a prefix for their names; no layers pass the input on. None for an
            op that puts out nothing, whose slot stays empty.
        light: Whether it has few weights or none: a search that takes little else has
            collapsed.
        merges: Whether the converter keeps one of several equal ones on one input.
        is_identity: Whether it passes its input on where its slot keeps the shape.
        keeps_channels: Whether it puts out as many channels as it takes, and can
            therefore not stand where they change.
        tflite: Operators that its layers may become, beside those of `DEPLOYABLE`.
        strides: Strides of the slots where it can stand.
        plain: Whether no chain of blocks adds its input to what it puts out. Its layers
            are convolution, batch norm and activation, once or several times.
    """

    name: str
    chain: Make | None
    light: bool = False
    merges: bool = False
    is_identity: bool = False
    keeps_channels: bool = False
    tflite: tuple[str, ...] = ()
    strides: tuple[int, ...] = (1, 2)
    plain: bool = False

    def fits(self, slot: Slot) -> bool:
        """Whether it can put out what its slot needs."""
        wide = not self.keeps_channels or slot.in_channels == slot.out_channels
        return wide and slot.stride in self.strides

    def is_free(self, place: Site | Slot) -> bool:
        """Whether it leaves nothing behind in the deployed network."""
        return self.chain is None or (self.is_identity and place.keeps_shape)

    def has_branches(self, place: Site | Slot) -> bool:
        """Whether it is trained with branches of identity, see `run`."""
        return self.plain and place.keeps_shape

    def runs_once(self, place: Site | Slot) -> bool:
        """Whether equal ones on one input are one op in the deployed network."""
        return self.merges or (self.is_identity and place.keeps_shape)


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
    depthwise = _depthwise(layers, stride, name, size=size, dilation=dilation)
    return [depthwise, *conv_bn(layers, filters, 1, name)]


def _depthwise(
    layers: Any, stride: int, name: str, *, size: int, dilation: int = 1
) -> Any:
    return layers.DepthwiseConv2D(
        size,
        stride,
        "same",
        dilation_rate=dilation,
        use_bias=False,
        name=f"{name}_depthwise",
    )


def _bn_relu(layers: Any, name: str, relu: bool = True) -> Chain:
    bn = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_bn")
    return [bn, layers.ReLU(max_value=6, name=f"{name}_relu")] if relu else [bn]


def max_pool(layers: Any, slot: Slot, name: str) -> Chain:
    """3x3 max pooling."""
    return [layers.MaxPooling2D(3, slot.stride, "same", name=name)]


def avg_pool(layers: Any, slot: Slot, name: str) -> Chain:
    """3x3 average pooling over the pixels that exist."""
    return [layers.AveragePooling2D(3, slot.stride, "same", name=name)]


def skip_connect(layers: Any, slot: Slot, name: str) -> Chain:
    """The input itself; where its shape must change, a linear 1x1 convolution."""
    if slot.keeps_shape:
        return []
    return conv_bn(layers, slot.out_channels, slot.stride, name, relu=False)


def conv(layers: Any, slot: Slot, name: str, *, size: int) -> Chain:
    """A dense convolution."""
    return conv_bn(layers, slot.out_channels, slot.stride, name, size=size)


def sep_conv(layers: Any, slot: Slot, name: str, *, size: int) -> Chain:
    """Two separable convolutions, the first with the stride."""
    filters = slot.out_channels
    first = separable(layers, filters, slot.stride, f"{name}_1", size=size)
    return [*first, *separable(layers, filters, 1, f"{name}_2", size=size)]


def dil_conv(layers: Any, slot: Slot, name: str, *, size: int) -> Chain:
    """1x1 convolution with the stride, then a separable convolution with dilation 2.

    The 1x1 convolution is not in DARTS. Keras refuses a stride together with a
    dilation; and TensorFlow writes a dilation as SPACE_TO_BATCH_ND around a
    convolution, which the converter folds only where nothing else reads its input.
    """
    filters = slot.out_channels
    first = conv_bn(layers, filters, slot.stride, f"{name}_first")
    return [*first, *separable(layers, filters, 1, name, size=size, dilation=2)]


def sep_block(layers: Any, slot: Slot, name: str, *, size: int) -> Chain:
    """Depthwise and pointwise, each with batch norm and ReLU6 (arXiv 1704.04861)."""
    depthwise = _depthwise(layers, slot.stride, name, size=size)
    pointwise = conv_bn(layers, slot.out_channels, 1, name)
    return [depthwise, *_bn_relu(layers, f"{name}_depthwise"), *pointwise]


def inverted_residual(
    layers: Any, slot: Slot, name: str, *, size: int, expansion: int
) -> Chain:
    """1x1 to more channels, depthwise, linear 1x1 (arXiv 1801.04381, figure 4).

    With `expansion` 1 the first convolution is left out, as in MobileNetV2.
    """
    wide = expansion * slot.in_channels
    widen = conv_bn(layers, wide, 1, f"{name}_expand") if expansion > 1 else []
    depthwise = _depthwise(layers, slot.stride, name, size=size)
    project = conv_bn(layers, slot.out_channels, 1, f"{name}_project", relu=False)
    return [*widen, depthwise, *_bn_relu(layers, f"{name}_depthwise"), *project]


def fused_residual(
    layers: Any, slot: Slot, name: str, *, size: int, expansion: int
) -> Chain:
    """A dense convolution to more channels, then a linear 1x1 (arXiv 2003.02838)."""
    wide = expansion * slot.in_channels
    widen = conv_bn(layers, wide, slot.stride, f"{name}_expand", size=size)
    project = conv_bn(layers, slot.out_channels, 1, f"{name}_project", relu=False)
    return [*widen, *project]


def stem(
    layers: Any, slot: Slot, name: str, *, size: int, filters: tuple[int, ...]
) -> Chain:
    """Convolutions from an image to a quarter of its sides.

    One of stride 2, with a kernel of its own; those at half of the sides; and a last
    one of stride 2, with the channels of the slot.
    """
    first, *more = filters
    chain = conv_bn(layers, first, 2, f"{name}_1", size=size)
    for number, wide in enumerate(more, start=2):
        chain += conv_bn(layers, wide, 1, f"{name}_{number}", size=3)
    return [*chain, *conv_bn(layers, slot.out_channels, 2, name, size=3)]


OPS = {
    op.name: op
    for op in (
        Op("max_pool_3x3", max_pool, light=True, merges=True, keeps_channels=True),
        Op("skip_connect", skip_connect, light=True, is_identity=True),
        Op("sep_conv_3x3", partial(sep_conv, size=3)),
        Op("avg_pool_3x3", avg_pool, light=True, merges=True, keeps_channels=True),
        Op("sep_conv_5x5", partial(sep_conv, size=5)),
        Op("dil_conv_3x3", partial(dil_conv, size=3)),
        Op("dil_conv_5x5", partial(dil_conv, size=5)),
        Op("conv_1x1", partial(conv, size=1)),
        Op("conv_3x3", partial(conv, size=3)),
        Op("plain_3x3", partial(conv, size=3), plain=True),
        Op("sep_3x3", partial(sep_block, size=3)),
        Op("plain_sep_3x3", partial(sep_block, size=3), plain=True),
        Op("none", None, light=True),  # an edge that is left out
        Op("skip", None, light=True),  # a block that is passed over
        *(
            Op(f"ir_k{k}_e{e}", partial(inverted_residual, size=k, expansion=e))
            for k in (3, 5, 7)
            for e in (1, 3, 6)
        ),
        *(
            Op(f"fused_k3_e{e}", partial(fused_residual, size=3, expansion=e))
            for e in (3, 6)
        ),
        *(
            Op(name, partial(stem, size=size, filters=filters), strides=(4,))
            for name, size, filters in (
                ("patches_8", 2, (8,)),
                ("patches_8_8", 2, (8, 8)),
                ("stem_8_16", 3, (8, 16)),
                ("stem_16_16_16", 3, (16, 16, 16)),
                ("stem_32_32_32", 3, (32, 32, 32)),
            )
        ),
    )
}


@cache
def find_op(name: str) -> Op:
    """The op of a name: ours, one of another package, or `package.module:NAME`.

    Who reads a file that travels must have refused names with a colon before
    (`spaces.load.space_of`).

    Raises:
        SettingsError: If there is no such op.
    """
    if ":" in name:
        found = from_module(name, SettingsError)
    else:
        found = resolve(name, OPS, "tfnas.ops", SettingsError)
    if not isinstance(found, Op) or not found.name.isidentifier():
        raise SettingsError(f"{name} is no tfnas.Op whose name is a plain word")
    return found


def run(chain: Chain, x: Any, *, branches: bool = False, **kwargs: Any) -> Any:
    """Apply the layers of a chain one after another.

    With branches, each convolution's input is added to what its batch norm puts out, as
    RepVGG is trained (arXiv 2101.03697, section 3): `networks.fold` makes one
    convolution of the two again.
    """
    entered = x
    for number, layer in enumerate(chain):
        if branches and number % 3 == 2:
            x = x + entered
        x = layer(x, **kwargs)
        if number % 3 == 2:
            entered = x
    return x
