"""What may stand where: ops, spaces, architectures, budgets. Plain data, no Keras."""

from tfnas.spaces.ops import Op
from tfnas.spaces.site import SUM, Site, Slot
from tfnas.spaces.space import Fill, Space

__all__ = ["SUM", "Fill", "Op", "Site", "Slot", "Space"]
