"""What a cell shares, expected over independent choices: `1 - prod(1 - gamma_bar)`.

All is arithmetic on arrays of whoever asks: `math` is numpy or another module with the
functions of it that are used here, such as `keras.ops`. Gamma may have leading axes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How likely each op carries something along each edge, from a state to a node: arrays
# of shape `(..., num_ops)`.
Rows = Mapping[tuple[int, int], Any]


@dataclass(frozen=True)
class Wiring:
    """The edges of one kind of cell, and what they can share.

    Attributes:
        edges: Choice of the edge from each state to each node after it, node by node;
            the states 0 and 1 are the cell's inputs, the others its nodes.
        merges: Whether equal ops on a state are one op, shape `(num_states, num_ops)`.
        filled: Which ops put out something, shape `(num_ops,)`.
    """

    edges: Mapping[tuple[int, int], int]
    merges: NDArray[np.bool_]
    filled: NDArray[np.bool_]

    def rows(self, gamma: Any, math: Any) -> Rows:
        """Gamma by edge; ops that put out nothing or from a dead node do not count.

        A node is dead where all edges into it are empty.

        Args:
            gamma: Op weights of all choices, shape `(..., num_choices, num_ops)`.
            math: numpy, or a module with its functions.
        """
        alive: dict[int, Any] = {}
        found = {}
        for (state, node), choice in self.edges.items():
            row = gamma[..., choice, :]
            if not self.filled.all():
                row = row * self.filled.astype(np.float32) * alive.get(state, 1.0)
                dead = (1 - alive.get(node, 0.0)) * _rest(row, math)
                alive[node] = 1 - dead
            found[state, node] = row
        return found

    def runs(self, rows: Rows, state: int, math: Any) -> Any:
        """How often ops run on a state; those that merge, once at most.

        Returns:
            Shape `(..., num_ops)`.
        """
        likely = math.stack([row for (s, _), row in rows.items() if s == state], -1)
        once = 1 - math.prod(1 - likely, axis=-1)
        return math.where(self.merges[state], once, math.sum(likely, axis=-1))

    def sums(self, rows: Rows, math: Any) -> Any:
        """How many sums run, shape `(...)`, or a number where all networks run as many.

        A node adds its edges one after another. Nodes that begin with equal merging ops
        share the sums of these.
        """
        total: Any = 0.0
        partial: dict[int, list[Any]] = {}
        nodes = sorted({node for _, node in self.edges})
        for node in nodes:
            nothing: Any = 1.0
            begun: Any = None
            for state in range(node):
                row = rows[state, node]
                empty = 0.0 if self.filled.all() else _rest(row, math)
                total = total + (1 - nothing) * (1 - empty)
                if sum(other > state for other in nodes) > 1:
                    equal = math.take(row, np.flatnonzero(self.merges[state]), axis=-1)
                    if begun is None:
                        begun = equal
                    else:
                        new = _pairs(begun, equal, math)
                        partial.setdefault(state, []).append(new)
                        gaps = [nothing * equal, begun * empty]
                        parts = [new] if self.filled.all() else [new, *gaps]
                        begun = math.concatenate(parts, axis=-1)
                nothing = nothing * empty
        total = total if self.filled.all() else total[..., 0]
        for same in (math.stack(equal, -1) for equal in partial.values()):
            once = 1 - math.prod(1 - same, axis=-1)
            total = total - math.sum(math.sum(same, axis=-1) - once, axis=-1)
        return total


def _rest(row: Any, math: Any) -> Any:
    """How likely an edge carries nothing, shape `(..., 1)`."""
    return 1 - math.sum(row, axis=-1, keepdims=True)


def _pairs(first: Any, second: Any, math: Any) -> Any:
    """How likely each of the first meets each of the second, side by side."""
    both = first[..., :, None] * second[..., None, :]
    return math.reshape(both, (*both.shape[:-2], both.shape[-2] * both.shape[-1]))
