"""What a cell shares, expected over independent choices: `1 - prod(1 - gamma_bar)`.

All is arithmetic on arrays of whoever asks: `math` is numpy or another module with the
functions of it that are used here, such as `keras.ops`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Wiring:
    """The edges of one kind of cell, and what they can share.

    Attributes:
        edges: Choice of the edge from each state to each node after it; the states 0
            and 1 are the cell's inputs, the others its nodes.
        nodes: Nodes, in their order.
        merging: Of every state the positions of ops of which equal ones are one op.
        filled: Which ops put out something, shape `(num_ops,)`.
    """

    edges: Mapping[tuple[int, int], int]
    nodes: Sequence[int]
    merging: Sequence[Sequence[int]]
    filled: NDArray[np.bool_]

    def carried(self, gamma: Any, math: Any) -> dict[tuple[int, int], Any]:
        """How likely each op carries something along each edge.

        That is gamma, but 0 for ops that put out nothing, and less from a node that may
        be dead because all edges into it are empty.

        Args:
            gamma: Op weights of all choices, shape `(num_choices, num_ops)`.
            math: numpy, or a module with its functions.

        Returns:
            For every edge an array of shape `(num_ops,)`.
        """
        alive: dict[int, Any] = {}
        found = {}
        for (state, node), choice in self._by_node():
            row = gamma[choice]
            if not self.filled.all():
                row = row * self.filled.astype(np.float32) * alive.get(state, 1.0)
                alive[node] = 1 - (1 - alive.get(node, 0.0)) * (1 - math.sum(row))
            found[state, node] = row
        return found

    def _by_node(self) -> list[tuple[tuple[int, int], int]]:
        return sorted(self.edges.items(), key=lambda edge: edge[0][::-1])

    def ops(
        self, rows: Mapping[tuple[int, int], Any], math: Any
    ) -> dict[tuple[int, int], Any]:
        """How often ops run on a state, expected; one that merges, once at most.

        Args:
            rows: What `carried` returned.
            math: As there.

        Returns:
            By state and position of the op, for those that may run less often than
            gamma says.
        """
        found = {}
        for state, merging in enumerate(self.merging):
            here = [row for (start, _), row in rows.items() if start == state]
            for op in np.flatnonzero(self.filled).tolist():
                likely = math.stack([row[op] for row in here])
                if op in merging:
                    found[state, op] = 1 - math.prod(1 - likely)
                elif not self.filled.all():
                    found[state, op] = math.sum(likely)
        return found

    def sums(self, rows: Mapping[tuple[int, int], Any], math: Any) -> Any:
        """How many sums run, expected.

        A node adds its edges one after another. Nodes that begin with equal merging ops
        share the sums of these.
        """
        total: Any = 0.0
        partial: dict[int, list[Any]] = {}
        for node in self.nodes:
            nothing, started = 1.0, None
            for state in range(node):
                row = rows[state, node]
                empty = 0.0 if self.filled.all() else 1 - math.sum(row)
                total = total + (1 - nothing) * (1 - empty)
                equal = math.take(row, np.array(self.merging[state], np.int32))
                first = nothing * equal
                if started is None:
                    started = first
                else:
                    new = math.reshape(started[:, None] * equal, (-1,))
                    partial.setdefault(state, []).append(new)
                    gaps = [] if self.filled.all() else [first, started * empty]
                    started = math.concatenate([new, *gaps])
                nothing = nothing * empty
        for same in map(math.stack, partial.values()):
            once = 1 - math.prod(1 - same, axis=0)
            total = total - math.sum(same) + math.sum(once)
        return total
