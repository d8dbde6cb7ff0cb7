"""Stacked cells whose edges each hold one op (DARTS, arXiv 1806.09055)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import SettingsError
from tfnas.spaces.ops import conv_bn, run
from tfnas.spaces.sharing import Wiring
from tfnas.spaces.site import Site, Slot
from tfnas.spaces.space import Fill, Space

# Kind of cell, state an edge starts from, node it ends in; 0 and 1 are a cell's inputs.
Edge = tuple[str, int, int]
# What runs: kind of cell, op, state it starts from, node it ends in (0 for any).
Key = tuple[str, str, int, int]


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

    def slot(self, choice: int, source: int, node: int) -> Slot:
        """The place of an edge of this cell."""
        reduces = self.kind == "reduction"
        stride = 2 if reduces and source < 2 else 1
        halved = 2 if reduces and source >= 2 else 1
        height, width = (-(-side // halved) for side in (self.height, self.width))
        name = f"cell{self.index}_edge{source}to{node}"
        return Slot(choice, name, height, width, self.channels, self.channels, stride)


@dataclass(frozen=True)
class CellSpace(Space):
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

    kind = "cell"
    input_shape: tuple[int, int, int] = (28, 28, 1)
    num_classes: int = 10
    cells: int = 3
    nodes: int = 4
    channels: int = 16
    ops: tuple[str, ...] = ("max_pool_3x3", "skip_connect", "sep_conv_3x3")

    def __post_init__(self) -> None:
        self.require_counts("cells", "nodes", "channels")
        super().__post_init__()

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
    def edges(self) -> tuple[Edge, ...]:
        """Every edge of the normal cell, then every edge of the reduction cell."""
        kinds = sorted({cell.kind for cell in self.stack})
        nodes = range(2, 2 + self.nodes)
        return tuple((k, s, node) for k in kinds for node in nodes for s in range(node))

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """A choice for every edge, such as `normal 0->2`."""
        return tuple(f"{kind} {source}->{node}" for kind, source, node in self.edges)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """A place for every edge of every cell."""
        return tuple(self._places.values())

    @cached_property
    def _places(self) -> dict[tuple[int, int, int], Slot]:
        return {
            (cell.index, source, node): cell.slot(choice, source, node)
            for cell in self.stack
            for choice, (kind, source, node) in enumerate(self.edges)
            if kind == cell.kind
        }

    def wire(self, image: Any, fill: Fill, layers: Any) -> Any:
        """Connect stem, cells and head."""
        stem = run(conv_bn(layers, 3 * self.channels, 1, "stem", size=3), image)
        inputs = [stem, stem]
        for cell in self.stack:
            states = [_preprocess(cell, j, x, layers) for j, x in enumerate(inputs)]
            for node in range(2, 2 + self.nodes):
                terms = [
                    fill(self._places[cell.index, source, node], state)
                    for source, state in enumerate(states)
                    if state is not None
                ]
                states.append(_sum(terms, f"cell{cell.index}_node{node}", layers))
            live = [state for state in states[2:] if state is not None]
            output = _concatenate(live, f"cell{cell.index}_output", layers)
            inputs = [inputs[1], output]
        # Sums of many identities are large, those of convolutions small: without this
        # batch norm a supernet's head would see features of another scale every step.
        head = run(conv_bn(layers, self.stack[-1].channels, 1, "head"), inputs[1])
        pooled = layers.GlobalAveragePooling2D(name="pool")(head)
        # Losses need float32, whatever the rest runs in.
        return layers.Dense(self.num_classes, dtype="float32", name="logits")(pooled)

    def skeleton(self) -> tuple[Space, tuple[str, ...]]:
        """The network of identities: stem, cell plumbing, head and halving edges."""
        identities = replace(self, ops=("skip_connect", "max_pool_3x3"))
        return identities, ("skip_connect",) * len(self.choices)

    def check(self, ops: Sequence[str]) -> None:
        """Refuse networks in which a cell would pass nothing on."""
        for kind in self._kinds:
            if not self.live_nodes(kind, ops):
                raise SettingsError(
                    f"No path leads through the {kind} cell: the ops into each of its "
                    "nodes are `none`. Lower the number of `none` by a higher price."
                )

    def live_nodes(self, kind: str, ops: Sequence[str]) -> tuple[int, ...]:
        """Nodes of a cell that a path from the cell's inputs reaches."""
        live = {0, 1}
        for (of_kind, source, node), op in zip(self.edges, ops, strict=True):
            if of_kind == kind and self.op(op).chain is not None and source in live:
                live.add(node)
        return tuple(sorted(live - {0, 1}))

    def joins(self) -> tuple[Site, ...]:
        """The sums of nodes."""
        return tuple(site for kind in self._kinds for site in self._sums(kind))

    def _sums(self, kind: str) -> tuple[Site, ...]:
        """Where one sum of a node runs in the cells of a kind: one site a cell."""
        cells = [cell for cell in self.stack if cell.kind == kind]
        # From state 2 on, the first node, states are as large as the cell's output.
        return tuple(cell.slot(0, 2, 3).sum_after() for cell in cells)

    def entries(self, ops: Sequence[str]) -> tuple[Site, ...]:
        """Every table entry that a deployed network pays.

        Edges that carry nothing, empty ones or from a dead node, are left out. The
        converter keeps one of several equal ops: three equal pools of one state cost
        what one does, and nodes that begin with equal edges share their first sums.
        """
        live = {kind: {0, 1, *self.live_nodes(kind, ops)} for kind, *_ in self.edges}
        run_once: dict[Key, tuple[Site, ...]] = {}
        added: dict[tuple[str, int], tuple[Key, ...]] = {}
        partial: set[tuple[Key, ...]] = set()
        for choice, ((kind, source, node), op) in enumerate(
            zip(self.edges, ops, strict=True)
        ):
            if self.op(op).chain is None or source not in live[kind]:
                continue
            key = self._what_runs(choice, op)
            run_once[key] = self.sites(choice, op)
            added[kind, node] = (*added.get((kind, node), ()), key)
            if len(added[kind, node]) > 1:
                partial.add(added[kind, node])
        sums = (site for first, *_ in sorted(partial) for site in self._sums(first[0]))
        return (*(site for sites in run_once.values() for site in sites), *sums)

    def shared(self, gamma: Any, math: Any) -> tuple[Any, Any]:
        """Equal ops on a state run once; nodes share sums, dead ones spare theirs."""
        paid: dict[int, Any] = {}
        joined = []
        for kind in self._kinds:
            wiring = self._wiring(kind)
            rows = wiring.rows(gamma, math)
            for state in range(1 + self.nodes):
                edges = [e for (s, _), e in wiring.edges.items() if s == state]
                each = wiring.runs(rows, state, math) / len(edges)
                paid |= dict.fromkeys(edges, each)
            joined += [wiring.sums(rows, math)] * len(self._sums(kind))
        by_choice = [paid[choice] for choice in range(len(self.choices))]
        return math.stack(by_choice, -2), math.stack(joined, -1)

    @property
    def _kinds(self) -> list[str]:
        return sorted({cell.kind for cell in self.stack})

    def _wiring(self, kind: str) -> Wiring:
        """The edges of a kind of cell, and which ops are one where they are equal."""
        edges = {(s, n): e for e, (of, s, n) in enumerate(self.edges) if of == kind}
        slots = [
            self.slots_of[edges[s, 1 + self.nodes]][0] for s in range(1 + self.nodes)
        ]
        ops = [self.op(op) for op in self.ops]
        merges = np.array([[op.runs_once(slot) for op in ops] for slot in slots])
        return Wiring(edges, merges, np.array([op.chain is not None for op in ops]))

    def _what_runs(self, choice: int, op: str) -> Key:
        """A key that two edges share only if the converter makes one op of them."""
        kind, source, node = self.edges[choice]
        shared = self.op(op).runs_once(self.slots_of[choice][0])
        return kind, op, source, 0 if shared else node

    def together(self) -> tuple[tuple[int, ...], ...]:
        """The edges of each state: they may share an op and the sums after it."""
        starts = [(kind, source) for kind, source, _ in self.edges]
        return tuple(
            tuple(e for e, one in enumerate(starts) if one == start)
            for start in sorted({*starts})
        )

    def is_whole(self, ops: Sequence[str]) -> bool:
        """Whether a path reaches every node, so that no cell's output is narrower."""
        return all(
            len(self.live_nodes(kind, ops)) == self.nodes for kind in self._kinds
        )

    def narrow(
        self, layer: str, kernel: NDArray[Any], ops: Sequence[str]
    ) -> NDArray[Any]:
        """The input channels of a kernel that come from nodes some path reaches."""
        if layer == "head_conv":
            source = self.stack[-1]
        else:  # cell2_input0_conv reads the output of cell 0
            cell, which = (int(number) for number in re.findall(r"\d+", layer)[:2])
            source = self.stack[cell - 2 + which]
        by_node = np.split(kernel, self.nodes, axis=-2)
        live = self.live_nodes(source.kind, ops)
        return np.concatenate([by_node[node - 2] for node in live], axis=-2)


def _preprocess(cell: Cell, j: int, x: Any, layers: Any) -> Any:
    stride = 2 if cell.halve_first and j == 0 else 1
    return run(conv_bn(layers, cell.channels, stride, f"cell{cell.index}_input{j}"), x)


def _sum(terms: list[Any], name: str, layers: Any) -> Any:
    terms = [term for term in terms if term is not None]
    if len(terms) < 2:
        return terms[0] if terms else None
    return layers.Add(name=name)(terms)


def _concatenate(states: list[Any], name: str, layers: Any) -> Any:
    return states[0] if len(states) == 1 else layers.Concatenate(name=name)(states)
