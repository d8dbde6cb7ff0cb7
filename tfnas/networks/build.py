"""Architecture or space -> Keras model, by the one walk of its space."""

from typing import Any

import keras

from tfnas.networks.fast_layers import supernet_layers
from tfnas.networks.mixed import MixedOp
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.ops import run
from tfnas.spaces.site import Slot
from tfnas.spaces.space import Space


def build(
    architecture: Architecture,
    *,
    layers: Any = keras.layers,
    model: Any = keras.Model,
    branches: bool = False,
) -> Any:
    """Make the network of an architecture from standard layers, freshly initialized.

    Slots of ops that put out nothing are left out.

    Args:
        architecture: One op for every choice.
        layers: Module the layers come from.
        model: The class of models that goes with them.
        branches: Whether ops have their branches of identity, as in the supernet.

    Returns:
        Model from images, shape `(batch, height, width, channels)`, pixels in 0..1, to
        logits, shape `(batch, num_classes)`.
    """
    space, ops = architecture.space, architecture.ops

    def fill(slot: Slot, x: Any) -> Any:
        op = space.op(ops[slot.choice])
        if op.chain is None:
            return None
        chain = op.chain(layers, slot, f"{slot.name}_{op.name}")
        y = run(chain, x, branches=branches and op.has_branches(slot))
        summed = space.adds(slot, ops[slot.choice])
        return layers.Add(name=f"{slot.name}_sum")([x, y]) if summed else y

    image = layers.Input(space.input_shape, name="image")
    return model(image, space.wire(image, fill, layers))


def build_supernet(
    space: Space, mode: str = "sampled", precision: str = "float32"
) -> keras.Model:
    """Make the network that holds every member: each slot is a `MixedOp`.

    Args:
        space: The space whose members it holds.
        mode: `"sampled"` or `"soft"`, see `MixedOp`.
        precision: Dtype policy of the layers, such as `"mixed_bfloat16"`.

    Returns:
        Model from `[images, gamma]`, shapes `(batch, height, width, channels)` and
        `(num_choices, num_ops)`, to logits, shape `(batch, num_classes)`.
    """
    image = keras.Input(space.input_shape, name="image")
    gamma = keras.Input(batch_shape=space.allowed.shape, name="gamma")

    def fill(slot: Slot, x: Any) -> Any:
        fits = zip(space.ops, space.allowed[slot.choice], strict=True)
        ops = [op if fit else None for op, fit in fits]
        added = [op is not None and space.adds(slot, op) for op in ops]
        return MixedOp(ops, slot, mode, added, name=slot.name)(x, gamma)

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        logits = space.wire(image, fill, supernet_layers)
    finally:
        keras.config.set_dtype_policy(before)
    return keras.Model([image, gamma], logits)
