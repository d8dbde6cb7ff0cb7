"""The search space as plain data: which ops may stand where, with what shapes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Self

from tfnas.errors import SettingsError, nearest
from tfnas.spaces.ops import OP_NAMES
from tfnas.spaces.site import SUM, Site

KINDS = ("normal", "reduction")


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision of the search: an edge of the normal or of the reduction cell.

    Attributes:
        kind: `"normal"` or `"reduction"`.
        source: State the edge starts from; 0 and 1 are the cell's inputs.
        node: State the edge ends in, counted like `source`.
    """

    kind: str
    source: int
    node: int

    def __str__(self) -> str:
        return f"{self.kind} {self.source}->{self.node}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the stack.

    Attributes:
        index: Position in the stack, from 0.
        kind: `"normal"` or `"reduction"`.
        height: Rows of the states the edges start from, in pixels.
        width: Columns of them.
        channels: Channels of every state.
        halve_first: Whether input 0 is twice as large as input 1.
    """

    index: int
    kind: str
    height: int
    width: int
    channels: int
    halve_first: bool

    def stride(self, source: int) -> int:
        """Stride of the edges that start from state `source`."""
        return 2 if self.kind == "reduction" and source < 2 else 1

    def site(self, op: str, source: int) -> Site:
        """The site of `op` on an edge that starts from state `source`."""
        halved = self.kind == "reduction" and source >= 2
        height = -(-self.height // 2) if halved else self.height
        width = -(-self.width // 2) if halved else self.width
        stride = self.stride(source)
        return Site(op, height, width, self.channels, self.channels, stride)


@dataclass(frozen=True)
class CellSpace:
    """Stacked cells whose edges each hold one op (DARTS, arXiv 1806.09055).

    A cell has two inputs and `nodes` nodes; every node sums one edge from each state
    before it, and the cell's output concatenates its nodes. Cells at one and two thirds
    of the stack halve the feature map and double the channels; all cells of a kind
    share their choices.

    Attributes:
        input_shape: Height, width and channels of an image.
        num_classes: Number of logits.
        cells: Cells in the stack.
        nodes: Nodes of a cell; 4 nodes make 14 edges.
        channels: Channels of a state in the first cell; the stem has three times more.
        ops: Candidates, in the order of the complexity vector.

    Raises:
        SettingsError: If a number is below 1, or an op is unknown or named twice.
    """

    input_shape: tuple[int, int, int] = (28, 28, 1)
    num_classes: int = 10
    cells: int = 3
    nodes: int = 4
    channels: int = 16
    ops: tuple[str, ...] = ("max_pool_3x3", "skip_connect", "sep_conv_3x3")

    def __post_init__(self) -> None:
        numbers = {
            "num_classes": self.num_classes,
            "cells": self.cells,
            "nodes": self.nodes,
            "channels": self.channels,
        }
        for name, value in numbers.items():
            if type(value) is not int or value < 1:
                raise SettingsError(
                    f"{name} of a space must be a whole number from 1, got {value!r}"
                )
        sides = self.input_shape
        if len(sides) != 3 or not all(type(n) is int and n > 0 for n in sides):
            raise SettingsError(
                f"input_shape is height, width, channels, got {self.input_shape}"
            )
        for op in self.ops:
            if op not in OP_NAMES:
                raise SettingsError(f"Unknown op {op!r}. {nearest(op, [*OP_NAMES])}")
        if len(set(self.ops)) < max(2, len(self.ops)):
            raise SettingsError(
                f"A space needs at least two ops and each once, got {self.ops}"
            )

    @cached_property
    def stack(self) -> tuple[Cell, ...]:
        """The cells, from the stem to the head."""
        height, width, _ = self.input_shape
        channels, stack, halve_first = self.channels, [], False
        for index in range(self.cells):
            reduces = index in (self.cells // 3, 2 * self.cells // 3)
            channels *= 2 if reduces else 1
            kind = "reduction" if reduces else "normal"
            stack.append(Cell(index, kind, height, width, channels, halve_first))
            halve_first = reduces
            if reduces:
                height, width = -(-height // 2), -(-width // 2)
        return tuple(stack)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Every edge of the normal cell, then every edge of the reduction cell."""
        kinds = sorted({cell.kind for cell in self.stack})
        return tuple(
            Choice(kind, source, node)
            for kind in kinds
            for node in range(2, 2 + self.nodes)
            for source in range(node)
        )

    def sites(self, choice: Choice, op: str) -> tuple[Site, ...]:
        """Where `op` would run if it were taken at `choice`: one site a cell."""
        cells = [cell for cell in self.stack if cell.kind == choice.kind]
        return tuple(cell.site(op, choice.source) for cell in cells)

    def sums(self, kind: str) -> tuple[Site, ...]:
        """Where one sum of a node runs in the cells of a kind: one site a cell."""
        # From state 2 on, the first node, states are as large as the cell's output.
        return tuple(cell.site(SUM, 2) for cell in self.stack if cell.kind == kind)

    @property
    def all_sites(self) -> tuple[Site, ...]:
        """Every distinct site of the space, sorted."""
        ops = {
            site
            for choice in self.choices
            for op in self.ops
            for site in self.sites(choice, op)
        }
        return tuple(sorted(ops.union(*map(self.sums, KINDS))))

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that two spaces share only if they are equal."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": "cell", **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; keys left out keep their defaults.

        Raises:
            SettingsError: If a key is unknown or a value is of the wrong type.
        """
        values = dict(values)
        if (kind := values.pop("kind", "cell")) != "cell":
            raise SettingsError(f"Unknown kind of space {kind!r}. Known: cell")
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise SettingsError(f"Unknown key of a space: {nearest(key, known)}")
        for key in {"input_shape", "ops"} & set(values):
            if not isinstance(values[key], list | tuple):
                raise SettingsError(f"{key} of a space must be a list")
            values[key] = tuple(values[key])
        return cls(**values)
