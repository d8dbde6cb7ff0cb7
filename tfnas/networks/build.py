"""Architecture -> plain Keras model, by the one walk that the supernet shares."""

from collections.abc import Callable
from typing import Any

import keras

from tfnas.networks.fast_layers import supernet_layers as layers
from tfnas.networks.mixed import MixedOp
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import Cell, CellSpace, Choice
from tfnas.spaces.ops import conv_bn, op_chain, run

Edge = Callable[[Cell, Choice, Any], Any]


def wire(space: CellSpace, image: Any, edge: Edge, layers: Any) -> Any:
    """Connect stem, cells and head; what an edge does is the caller's.

    Layers are named after their place, so that two networks of one space share the
    names of what they share.

    Args:
        space: Gives cells, nodes and widths.
        image: Symbolic input, shape `(batch, height, width, channels)`.
        edge: Maps cell, choice and a state to what the edge adds to its node; None
            where it adds nothing.
        layers: Module the layers come from.

    Returns:
        Logits, shape `(batch, num_classes)`.
    """
    stem = run(conv_bn(layers, 3 * space.channels, 1, "stem", size=3), image)
    inputs = [stem, stem]
    for cell in space.stack:
        states = [_preprocess(cell, j, x, layers) for j, x in enumerate(inputs)]
        for node in range(2, 2 + space.nodes):
            choices = [Choice(cell.kind, source, node) for source in range(node)]
            terms = [
                edge(cell, choice, states[choice.source])
                for choice in choices
                if states[choice.source] is not None
            ]
            states.append(_sum(terms, f"cell{cell.index}_node{node}", layers))
        live = [state for state in states[2:] if state is not None]
        output = _concatenate(live, f"cell{cell.index}_output", layers)
        inputs = [inputs[1], output]
    # Sums of many identities are large, those of convolutions small: without this batch
    # norm the head of a supernet would see features of another scale in every step.
    head = run(conv_bn(layers, space.stack[-1].channels, 1, "head"), inputs[1])
    pooled = layers.GlobalAveragePooling2D(name="pool")(head)
    # Losses need float32, whatever the rest runs in.
    return layers.Dense(space.num_classes, dtype="float32", name="logits")(pooled)


def _preprocess(cell: Cell, j: int, x: Any, layers: Any) -> Any:
    stride = 2 if cell.halve_first and j == 0 else 1
    name = f"cell{cell.index}_input{j}"
    return run(conv_bn(layers, cell.channels, stride, name), x)


def _sum(terms: list[Any], name: str, layers: Any) -> Any:
    terms = [term for term in terms if term is not None]
    if len(terms) < 2:
        return terms[0] if terms else None
    return layers.Add(name=name)(terms)


def _concatenate(states: list[Any], name: str, layers: Any) -> Any:
    return states[0] if len(states) == 1 else layers.Concatenate(name=name)(states)


def edge_name(cell: Cell, choice: Choice) -> str:
    """Prefix of the names of the layers on one edge of one cell."""
    return f"cell{cell.index}_edge{choice.source}to{choice.node}"


def build(
    architecture: Architecture, *, layers: Any = keras.layers, model: Any = keras.Model
) -> Any:
    """Make the network of an architecture from standard layers, freshly initialized.

    Edges with `none`, and edges from nodes nothing reaches, are left out.

    Args:
        architecture: One op for every choice.
        layers: Module the layers come from.
        model: The class of models that goes with them.

    Returns:
        Model from images, shape `(batch, height, width, channels)`, pixels in 0..1, to
        logits, shape `(batch, num_classes)`.
    """
    chosen = dict(zip(architecture.space.choices, architecture.ops, strict=True))

    def edge(cell: Cell, choice: Choice, x: Any) -> Any:
        op, stride = chosen[choice], cell.stride(choice.source)
        if op == "none":
            return None
        name = edge_name(cell, choice)
        return run(op_chain(op, layers, cell.channels, stride, name), x)

    image = layers.Input(architecture.space.input_shape, name="image")
    return model(image, wire(architecture.space, image, edge, layers))


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
