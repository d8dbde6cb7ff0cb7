"""Where an op runs: the places of a network, and the keys of every latency table."""

from dataclasses import dataclass

# The sum of two tensors; no op of a choice, but measured as one.
SUM = "add"


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """One op at one place of a network: the key of every latency table.

    Two sites with equal fields cost the same on a device, so a table holds each
    distinct site once, however often the networks repeat it.

    Attributes:
        op: Name of an op, or `SUM`.
        height: Rows of the input feature map, in pixels.
        width: Columns of the input feature map, in pixels.
        in_channels: Channels of the input feature map.
        out_channels: Channels of the output feature map.
        stride: 1; 2 where the op halves the feature map; 4 from an image to a quarter.
    """

    op: str
    height: int
    width: int
    in_channels: int
    out_channels: int
    stride: int = 1

    def __str__(self) -> str:
        shape = f"{self.height}x{self.width}x{self.in_channels}"
        return f"{self.op} {shape}->{self.out_channels} /{self.stride}"

    @property
    def keeps_shape(self) -> bool:
        """Whether what goes in has the shape of what comes out."""
        return self.stride == 1 and self.in_channels == self.out_channels

    @property
    def slot(self) -> "Slot":
        """A place of this shape, on its own."""
        shape = (self.height, self.width, self.in_channels, self.out_channels)
        return Slot(0, "site", *shape, self.stride)


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a network where a choice is realised: a `Site` without its op.

    Attributes:
        choice: Position in `Space.choices`: the row of alpha, gamma, P and T.
        name: Prefix of the names of the layers there; no other slot has it. It is the
            key by which a member inherits the supernet's weights.
        height: Rows of the input feature map, in pixels.
        width: Columns of the input feature map, in pixels.
        in_channels: Channels of the input feature map.
        out_channels: Channels of the output feature map.
        stride: 1, 2 where the feature map is halved, or 4.
    """

    choice: int
    name: str
    height: int
    width: int
    in_channels: int
    out_channels: int
    stride: int = 1

    @property
    def keeps_shape(self) -> bool:
        """Whether what goes in has the shape of what comes out."""
        return self.stride == 1 and self.in_channels == self.out_channels

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what comes out."""
        height, width = (-(-n // self.stride) for n in (self.height, self.width))
        return height, width, self.out_channels

    def site(self, op: str) -> Site:
        """The table entry of an op that stands here."""
        shape = (self.height, self.width, self.in_channels, self.out_channels)
        return Site(op, *shape, self.stride)

    def sum_after(self) -> Site:
        """The table entry of adding something to what comes out."""
        height, width, channels = self.output_shape
        return Site(SUM, height, width, channels, channels)
