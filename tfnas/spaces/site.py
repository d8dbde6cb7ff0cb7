"""Where an op runs: the places of a network, and the keys of every latency table."""

from dataclasses import dataclass

# The sum of two edges of a node; no op of a choice, but measured as one.
SUM = "add"


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """One op at one place of a network: the key of every latency table.

    Two sites with equal fields cost the same on a device, so a table holds each
    distinct site once, however often the networks repeat it.

    Attributes:
        op: One of `OP_NAMES`, or `SUM`.
        height: Rows of the input feature map, in pixels.
        width: Columns of the input feature map, in pixels.
        in_channels: Channels of the input feature map.
        out_channels: Channels of the output feature map.
        stride: 1, or 2 where the op halves the feature map.
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
