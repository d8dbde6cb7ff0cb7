"""One op for every choice of a space: what a member of a family is."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tfnas.errors import SettingsError
from tfnas.spaces.cell import KINDS, CellSpace, Choice
from tfnas.spaces.ops import WEIGHTLESS_OPS
from tfnas.spaces.site import Site

# Kind of cell, op, state it starts from, node it ends in (0 for any).
Key = tuple[str, str, int, int]


@dataclass(frozen=True)
class Architecture:
    """One op for every choice of a space: a member of a family.

    Attributes:
        space: The space it belongs to.
        indices: For every choice, the position of its op in `space.ops`.

    Raises:
        SettingsError: If the number of indices or one of them does not fit the space,
            or if a cell would pass nothing on.
    """

    space: CellSpace
    indices: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.indices) != len(self.space.choices):
            raise SettingsError(
                f"An architecture of this space has {len(self.space.choices)} ops, "
                f"got {len(self.indices)}"
            )
        if not all(0 <= index < len(self.space.ops) for index in self.indices):
            raise SettingsError(
                f"An op index must be in 0..{len(self.space.ops) - 1}, "
                f"got {self.indices}"
            )
        for kind in sorted({choice.kind for choice in self.space.choices}):
            if not self.live_nodes(kind):
                raise SettingsError(
                    f"No path leads through the {kind} cell: the ops into each of its "
                    "nodes are `none`. Lower the number of `none` by a higher price."
                )

    @property
    def ops(self) -> tuple[str, ...]:
        """The name of the op at every choice."""
        return tuple(self.space.ops[index] for index in self.indices)

    def live_nodes(self, kind: str) -> tuple[int, ...]:
        """Nodes of a cell that a path from the cell's inputs reaches."""
        live = {0, 1}
        for choice, op in zip(self.space.choices, self.ops, strict=True):
            if choice.kind == kind and op != "none" and choice.source in live:
                live.add(choice.node)
        return tuple(sorted(live - {0, 1}))

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site the deployed network runs, repeated as often as it runs there.

        Edges that carry nothing, `none` or from a dead node, are left out. Equal pools
        or identities of one state count once: the converter keeps one of several equal
        ops, and so three pooled edges cost what one does.
        """
        run = {
            self._what_runs(choice, op): self.space.sites(choice, op)
            for choice, op in self._live_edges
        }
        return tuple(site for sites in run.values() for site in sites)

    @property
    def sums(self) -> tuple[Site, ...]:
        """Every sum of two edges in the deployed network, repeated as often as it runs.

        A node adds its edges one after another. Nodes that begin with equal edges share
        their first sums, for the converter keeps one of several equal ops.
        """
        added: dict[tuple[str, int], tuple[Key, ...]] = {}
        partial: set[tuple[Key, ...]] = set()
        for choice, op in self._live_edges:
            node = (choice.kind, choice.node)
            added[node] = (*added.get(node, ()), self._what_runs(choice, op))
            if len(added[node]) > 1:
                partial.add(added[node])
        return tuple(
            site
            for (first, *_) in sorted(partial)
            for site in self.space.sums(first[0])
        )

    @property
    def entries(self) -> tuple[Site, ...]:
        """Every table entry that the deployed network pays for: its sites and sums."""
        return (*self.sites, *self.sums)

    @property
    def _live_edges(self) -> list[tuple[Choice, str]]:
        live = {kind: (0, 1, *self.live_nodes(kind)) for kind in KINDS}
        return [
            (choice, op)
            for choice, op in zip(self.space.choices, self.ops, strict=True)
            if op != "none" and choice.source in live[choice.kind]
        ]

    def _what_runs(self, choice: Choice, op: str) -> Key:
        """A key that two edges share only if the converter makes one op of them."""
        halves = choice.kind == "reduction" and choice.source < 2
        shared = op in WEIGHTLESS_OPS or (op == "skip_connect" and not halves)
        return choice.kind, op, choice.source, 0 if shared else choice.node

    @property
    def op_counts(self) -> dict[str, int]:
        """How many choices took each op, in the order of the space's ops."""
        return {op: self.ops.count(op) for op in self.space.ops}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the space, and the op of every choice by name."""
        choices = [str(choice) for choice in self.space.choices]
        ops = dict(zip(choices, self.ops, strict=True))
        return {"space": self.space.to_dict(), "ops": ops}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        space = CellSpace.from_dict(values["space"])
        ops = [values["ops"][str(choice)] for choice in space.choices]
        return cls(space, tuple(space.ops.index(op) for op in ops))


_CONCENTRATION = 0.4  # 1 is uniform on the simplex


def random_architecture(space: CellSpace, rng: random.Random) -> Architecture:
    """A network with its own mix of ops, so that a sample spans the space's latencies.

    The shares of the ops come from a Dirichlet distribution that favours the corners of
    the simplex, as members of a family do: with equal shares for all, most networks
    would have nearly the same latency, and the extremes would be guessed.
    """
    while True:
        shares = [rng.gammavariate(_CONCENTRATION, 1) for _ in space.ops]
        picks = rng.choices(range(len(space.ops)), shares, k=len(space.choices))
        try:
            return Architecture(space, tuple(picks))
        except SettingsError:
            continue  # `none` cut every path: draw again
