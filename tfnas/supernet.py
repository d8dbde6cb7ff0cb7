"""The supernet: one network that holds every member of the space."""

from typing import Any

import keras

from tfnas.fast_layers import supernet_layers as layers
from tfnas.mixed import MixedOp
from tfnas.network import edge_name, wire
from tfnas.space import Cell, CellSpace, Choice


def build_supernet(
    space: CellSpace, mode: str = "sampled", precision: str = "float32"
) -> keras.Model:
    """Make a network whose every edge is a `MixedOp`.

    Args:
        space: The space whose members it holds.
        mode: `"sampled"` or `"soft"`, see `MixedOp`.
        precision: Dtype policy of the layers, such as `"mixed_bfloat16"`.

    Returns:
        Model from `[images, gamma]`, shapes `(batch, height, width, channels)` and
        `(num_choices, num_ops)`, to logits, shape `(batch, num_classes)`.
    """
    rows = {choice: row for row, choice in enumerate(space.choices)}
    image = keras.Input(space.input_shape, name="image")
    gamma = keras.Input(batch_shape=(len(rows), len(space.ops)), name="gamma")

    def edge(cell: Cell, choice: Choice, x: Any) -> Any:
        stride, name = cell.stride(choice.source), edge_name(cell, choice)
        mixed = MixedOp(space.ops, cell.channels, stride, rows[choice], mode, name=name)
        return mixed(x, gamma)

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        logits = wire(space, image, edge, layers)
    finally:
        keras.config.set_dtype_policy(before)
    return keras.Model([image, gamma], logits)
