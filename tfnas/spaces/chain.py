"""A chain of blocks, each a choice (MobileNetV2, arXiv 1801.04381)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tfnas.errors import SettingsError
from tfnas.spaces.ops import conv_bn, find_op, run
from tfnas.spaces.site import Site, Slot
from tfnas.spaces.space import Fill, Space

# No block halves a map whose shorter side would fall below this, in pixels.
_LEAST_SIDE = 3


@dataclass(frozen=True)
class ChainSpace(Space):
    """Stem, stages of blocks, head; every block is a choice.

    A block that keeps its input's shape is residual, unless its op is plain: its input
    is added to what it puts out. There, and nowhere else, it may be empty (`skip`): the
    input passes. A stage whose map would become smaller than 3 pixels keeps its size:
    what was made for large images takes small ones too.

    Attributes:
        input_shape: Height, width and channels of an image.
        num_classes: Number of logits.
        stem: Channels of the 3x3 convolution of stride 2 before the blocks; 0 where the
            first block takes the image, by an op of stride 4.
        first: Channels of an `ir_k3_e1` between stem and blocks that is no choice, as
            in MobileNetV2; 0 for none.
        stages: Channels, number of blocks, and stride of the first block of each stage.
        head: Channels of the 1x1 convolution after the blocks; 0 for none.
        grid: Logits are made of means over so many parts of the last map's height and
            width, or of the map itself where it has no more; 1 for the mean of it all.
        width: Multiplies all channels but those of the head; above 0, at most 8.
        ops: Candidates of every block.
        groups: Axes of the budget, each with its ops.
        barred: Pairs of a block, counted from 0, and an op that may not stand there.

    Raises:
        SettingsError: If a number is too small, an op is unknown or named twice, groups
            do not hold every op once, or a block is left with no op.
    """

    kind = "chain"
    input_shape: tuple[int, int, int] = (28, 28, 1)
    num_classes: int = 10
    stem: int = 16
    stages: tuple[tuple[int, int, int], ...] = ((16, 2, 1), (32, 2, 2), (64, 2, 2))
    head: int = 128
    grid: int = 1
    first: int = 0
    width: float = 1.0
    ops: tuple[str, ...] = ("skip", "ir_k3_e3", "ir_k5_e3", "fused_k3_e3", "conv_3x3")
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    barred: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("stem", "first", "head"):
            if type(value := getattr(self, name)) is not int or value < 0:
                raise SettingsError(f"{name} is a whole number from 0, got {value!r}")
        if self.first and not self.stem:
            raise SettingsError("first stands after a stem: give one, or leave it out")
        numbers = [number for stage in self.stages for number in stage]
        shaped = all(len(stage) == 3 and stage[2] in (1, 2, 4) for stage in self.stages)
        if not (self.stages and shaped and all(type(n) is int for n in numbers)):
            raise SettingsError(
                "Each stage of a chain is channels, blocks, and the stride 1, 2 or 4 "
                f"of its first block, got {self.stages}"
            )
        if min(numbers) < 1:
            raise SettingsError(f"Numbers of a stage begin at 1, got {self.stages}")
        if type(self.width) not in (int, float) or not 0 < self.width <= 8:
            raise SettingsError(f"width is above 0 and at most 8, got {self.width!r}")
        if type(self.grid) is not int or self.grid < 1:
            raise SettingsError(f"grid is a whole number from 1, got {self.grid!r}")
        super().__post_init__()
        self._require_an_op_everywhere()

    def _require_an_op_everywhere(self) -> None:
        for block, op in self.barred:
            if type(block) is not int or block not in range(len(self.slots)):
                raise SettingsError(
                    f"barred names block {block}, but there are {len(self.slots)}, "
                    "counted from 0"
                )
            if op not in self.ops:
                raise SettingsError(f"barred names {op!r}, which is none of {self.ops}")
        for choice, row in zip(self.choices, self.allowed, strict=True):
            if not row.any():
                raise SettingsError(f"No op may stand at {choice}: add one to ops")

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """A place for every block."""
        shape = self._first.output_shape
        slots: list[Slot] = []
        for number, (channels, stride) in enumerate(self._meant):
            place = (number, f"block{number}", *shape)
            fitting = fitting_stride(stride, shape[:2])
            slots.append(Slot(*place, self._wide(channels), fitting))
            shape = slots[-1].output_shape
        return tuple(slots)

    @property
    def _meant(self) -> list[tuple[int, int]]:
        """Channels and stride of every block, as the stages say."""
        return [
            (channels, stride)
            for channels, blocks, first in self.stages
            for stride in (first, *(1,) * (blocks - 1))
        ]

    @property
    def _first(self) -> Slot:
        """The place of the fixed block after the stem, whether there is one or not."""
        if not self.stem:
            return Slot(0, "image", *self.input_shape, self.input_shape[2])
        height, width = (-(-side // 2) for side in self.input_shape[:2])
        stem = self._wide(self.stem)
        channels = self._wide(self.first) if self.first else stem
        return Slot(0, "first", height, width, stem, channels)

    def _wide(self, channels: int) -> int:
        return channels if self.width == 1 else widened(channels, self.width)

    def remarks(self) -> tuple[str, ...]:
        """Which blocks do not halve their maps, though they are meant to."""
        pairs = zip(self.slots, self._meant, strict=True)
        kept = [self.choices[s.choice] for s, (_, n) in pairs if s.stride < n]
        height, width, _ = self.input_shape
        told = f"Images of {height}x{width} are small for this chain: no halving at "
        return (told + ", ".join(kept),) if kept else ()

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """A choice for every block, such as `block 0`."""
        return tuple(f"block {slot.choice}" for slot in self.slots)

    def wire(self, image: Any, fill: Fill, layers: Any) -> Any:
        """Connect stem, blocks and head."""
        first, x = self._first, image
        if self.stem:
            x = run(conv_bn(layers, first.in_channels, 2, "stem", size=3), x)
        if self.first and (chain := find_op("ir_k3_e1").chain):
            x = run(chain(layers, first, first.name), x)
        for slot in self.slots:
            y = fill(slot, x)
            x = x if y is None else y
        if self.head:
            x = run(conv_bn(layers, self.head, 1, "head"), x)
        pooled = self._pooled(x, layers)
        return layers.Dense(self.num_classes, dtype="float32", name="logits")(pooled)

    def _pooled(self, x: Any, layers: Any) -> Any:
        """Means over the parts of a grid, one after another."""
        if self.grid == 1:
            return layers.GlobalAveragePooling2D(name="pool")(x)
        height, width, _ = self.slots[-1].output_shape
        size = -(-height // self.grid), -(-width // self.grid)
        if size != (1, 1):
            x = layers.AveragePooling2D(size, padding="same", name="pool")(x)
        return layers.Flatten(name="flat")(x)

    def skeleton(self) -> tuple[Space, tuple[str, ...]]:
        """The network of empty blocks, and of the first op where none may be empty."""
        least = []
        for row in self.allowed:
            ops = [op for op, fits in zip(self.ops, row, strict=True) if fits]
            least.append(min(ops, key=lambda op: self.op(op).chain is not None))
        return self, tuple(least)

    def allows(self, choice: int, op: str) -> bool:
        """Whether an op fits, is not barred, and is not empty where shapes change."""
        slot, found = self.slots[choice], self.op(op)
        passes = slot.keeps_shape or found.chain is not None
        return found.fits(slot) and passes and (choice, op) not in self.barred

    def sites(self, choice: int, op: str) -> tuple[Site, ...]:
        """The op itself, and the sum where the block is residual and not empty."""
        slot = self.slots[choice]
        summed = self.adds(slot, op) and self.op(op).chain is not None
        return (slot.site(op), *((slot.sum_after(),) if summed else ()))

    def adds(self, slot: Slot, op: str) -> bool:
        """Where the shape stays, but for plain ops; an empty block puts out nothing."""
        return slot.keeps_shape and not self.op(op).plain


def fitting_stride(stride: int, sides: Sequence[int]) -> int:
    """A stride, or 1 where it would leave less than 3 pixels of the shorter side."""
    return stride if -(-min(sides) // stride) >= _LEAST_SIDE else 1


def widened(channels: int, width: float) -> int:
    """Channels times a width, a multiple of 8 that is at most a tenth too few.

    As in MobileNetV2's published code: 24 times .35 are 8, and 32 times .35 are 16.
    """
    wide = max(8, int(channels * width + 4) // 8 * 8)
    return wide if wide >= 0.9 * channels * width else wide + 8
