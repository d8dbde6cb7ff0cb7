"""One op for every choice of a space: what a member of a family is."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from tfnas.errors import SettingsError
from tfnas.spaces.load import space_of
from tfnas.spaces.site import Site
from tfnas.spaces.space import Space

_CONCENTRATION = 0.4  # 1 is uniform on the simplex


@dataclass(frozen=True)
class Architecture:
    """One op for every choice of a space: a member of a family.

    Attributes:
        space: The space it belongs to.
        indices: For every choice, the position of its op in `space.ops`.

    Raises:
        SettingsError: If the number of indices or one of them does not fit the space,
            an op may not stand at its choice, or the ops make no network.
    """

    space: Space
    indices: tuple[int, ...]

    def __post_init__(self) -> None:
        space = self.space
        if len(self.indices) != len(space.choices):
            raise SettingsError(
                f"An architecture of this space has {len(space.choices)} ops, "
                f"got {len(self.indices)}"
            )
        if not all(0 <= index < len(space.ops) for index in self.indices):
            raise SettingsError(
                f"An op index must be in 0..{len(space.ops) - 1}, got {self.indices}"
            )
        for choice, index in enumerate(self.indices):
            if not space.allowed[choice, index]:
                raise SettingsError(
                    f"{space.ops[index]} may not stand at {space.choices[choice]}"
                )
        space.check(self.ops)

    @property
    def ops(self) -> tuple[str, ...]:
        """The name of the op at every choice."""
        return tuple(self.space.ops[index] for index in self.indices)

    @cached_property
    def entries(self) -> tuple[Site, ...]:
        """Every table entry that the deployed network pays, as often as it runs."""
        return self.space.entries(self.ops)

    @property
    def op_counts(self) -> dict[str, int]:
        """How many choices took each op, in the order of the space's ops."""
        return {op: self.ops.count(op) for op in self.space.ops}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the space, and the op of every choice by name."""
        ops = dict(zip(self.space.choices, self.ops, strict=True))
        return {"space": self.space.to_dict(), "ops": ops}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            SettingsError: If the space is unknown, or the ops do not fit it.
        """
        space = space_of(values["space"])
        return cls.of_ops(space, [values["ops"][choice] for choice in space.choices])

    @classmethod
    def of_ops(cls, space: Space, ops: Any) -> Self:
        """The architecture of these names of ops, one for each choice."""
        return cls(space, tuple(map(space.ops.index, ops)))


def skeleton(space: Space) -> Architecture:
    """The network of as little as possible, as the space tells it."""
    return Architecture.of_ops(*space.skeleton())


def random_architecture(space: Space, rng: random.Random) -> Architecture:
    """A network with its own mix of ops, so that a sample spans the space's latencies.

    The shares of the ops come from a Dirichlet distribution that favours the corners of
    the simplex, as members of a family do: with equal shares for all, most networks
    would have nearly the same latency, and the extremes would be guessed. Where an op
    may not stand, those that may are drawn by their shares.
    """
    while True:
        shares = [rng.gammavariate(_CONCENTRATION, 1) for _ in space.ops]
        picks = rng.choices(range(len(space.ops)), shares, k=len(space.choices))
        for choice, row in enumerate(space.allowed):
            if not row[picks[choice]]:
                # No share is quite 0, or there might be nothing to draw from.
                (picks[choice],) = rng.choices(
                    range(len(row)),
                    [
                        (share + 1e-9) * fits
                        for share, fits in zip(shares, row, strict=True)
                    ],
                )
        try:
            return Architecture(space, tuple(picks))
        except SettingsError:
            continue  # together they make no network: draw again
