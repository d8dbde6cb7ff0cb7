"""What a search space is: choices, the slots that realise them, and their wiring."""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tfnas.errors import SettingsError, nearest
from tfnas.spaces.ops import Op, find_op
from tfnas.spaces.site import Site, Slot

# What stands in a slot: maps its input to its output, or to None where it stays empty.
Fill = Callable[[Slot, Any], Any]
# What networks of any space may hold once they are converted.
DEPLOYABLE = frozenset(
    {
        "ADD",
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "MAX_POOL_2D",
        "MEAN",
        "PAD",
        "RESHAPE",
    }
)


class Space(ABC):
    """A search space as plain data. It must say four things; the rest follows.

    A subclass is a frozen dataclass whose fields are plain values: they are its JSON,
    its TOML and its fingerprint. It imports no Keras.

    Attributes:
        kind: Its name in `SPACES` or as an entry point; `package.module:Class`, which
            needs not be written down, where it has neither.
        input_shape: Height, width and channels of an image.
        num_classes: Number of logits.
        ops: Names of the candidates, `k` of them: the columns of alpha, gamma, P and T.
        groups: Names of the axes of a budget, each with its ops; where there are none,
            every op is an axis of its own.

    Raises:
        SettingsError: If a value is none that a space can have.
    """

    kind: ClassVar[str]
    input_shape: tuple[int, int, int]
    num_classes: int
    ops: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()

    # ---- what a space must say ---------------------------------------------------

    @property
    @abstractmethod
    def choices(self) -> tuple[str, ...]:
        """Names of the decisions, `E` of them: `"normal 0->2"`, `"block 7"`."""

    @property
    @abstractmethod
    def slots(self) -> tuple[Slot, ...]:
        """Every place of the network where a choice is realised."""

    @abstractmethod
    def wire(self, image: Any, fill: Fill, layers: Any) -> Any:
        """Connect stem, slots and head: the one walk of supernet and members.

        Layers are named after their place, so that two networks of one space share the
        names of what they share.

        Args:
            image: Symbolic input, shape `(batch, *input_shape)`, pixels in 0..1.
            fill: Called once for every slot whose input is there.
            layers: Module the layers come from.

        Returns:
            Logits in float32, shape `(batch, num_classes)`.
        """

    @abstractmethod
    def skeleton(self) -> "tuple[Space, tuple[str, ...]]":
        """A network of as little as possible: its space, and an op for every choice.

        It is measured once. What its `entries` cost is taken off; the rest is what
        every member pays.
        """

    # ---- what a space may say otherwise ------------------------------------------

    def allows(self, choice: int, op: str) -> bool:
        """Whether an op may stand at a choice: where it fits all of its slots."""
        return all(map(find_op(op).fits, self.slots_of[choice]))

    def check(self, ops: Sequence[str]) -> None:
        """Refuse ops, one for each choice, that together make no network.

        Raises:
            SettingsError: If they do not.
        """
        del ops

    def adds(self, slot: Slot, op: str) -> bool:
        """Whether a slot's input is added to what an op puts out there."""
        del slot, op
        return False

    def sites(self, choice: int, op: str) -> tuple[Site, ...]:
        """What an op at a choice costs where it shares nothing: its part of T."""
        return tuple(slot.site(op) for slot in self.slots_of[choice])

    def joins(self) -> tuple[Site, ...]:
        """What joining choices to the rest may cost; no part of T."""
        return ()

    def shared(self, gamma: Any, math: Any) -> tuple[Any, Any]:
        """How often entries are paid, expected over independent choices.

        Args:
            gamma: Relaxed one-hot of every choice, shape `(..., E, k)`.
            math: numpy, or a module with its functions, such as `keras.ops`.

        Returns:
            For every op at every choice, less than gamma where choices share it, the
            shape of gamma; and for every site of `joins`, shape `(..., num_joins)`.
            Exact where gamma is one-hot.
        """
        del math
        return gamma, np.zeros(0, np.float32)

    def entries(self, ops: Sequence[str]) -> tuple[Site, ...]:
        """Every table entry that a deployed network pays, as often as it runs there.

        Args:
            ops: An op for each choice.
        """
        return tuple(site for e, op in enumerate(ops) for site in self.sites(e, op))

    def together(self) -> tuple[tuple[int, ...], ...]:
        """Choices worth changing at once, for what they run may be shared."""
        return tuple((choice,) for choice in range(len(self.choices)))

    def remarks(self) -> tuple[str, ...]:
        """What its user should know of it, a line each."""
        return ()

    def is_whole(self, ops: Sequence[str]) -> bool:
        """Whether all layers around the slots are as wide as those of the supernet."""
        del ops
        return True

    def narrow(
        self, layer: str, kernel: NDArray[Any], ops: Sequence[str]
    ) -> NDArray[Any]:
        """The part of a kernel of a layer around the slots that such ops leave."""
        del ops
        raise ValueError(f"{self.kind} narrows no layer, got {layer} {kernel.shape}")

    # ---- what follows ------------------------------------------------------------

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" not in vars(cls):
            cls.kind = f"{cls.__module__}:{cls.__qualname__}"

    def __post_init__(self) -> None:
        sides = self.input_shape
        if len(sides) != 3 or not all(type(n) is int and n > 0 for n in sides):
            raise SettingsError(
                f"input_shape is height, width, channels, got {self.input_shape}"
            )
        self.require_counts("num_classes")
        if len(set(self.ops)) < max(2, len(self.ops)):
            raise SettingsError(
                f"A space needs at least two ops and each once, got {self.ops}"
            )
        names = [self.op(op).name for op in self.ops]
        if len(set(names)) < len(names):
            raise SettingsError(f"Two ops of {self.ops} name their layers alike")
        grouped = [op for _, ops in self.groups for op in ops]
        if self.groups and sorted(grouped) != sorted(self.ops):
            raise SettingsError(
                f"Every op must stand in one group of a space, got {grouped} in "
                f"{self.axes} and the ops {self.ops}"
            )

    def require_counts(self, *names: str) -> None:
        """Refuse fields that are no whole numbers from 1.

        Raises:
            SettingsError: If one is not.
        """
        for name in names:
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise SettingsError(
                    f"{name} of a space must be a whole number from 1, got {value!r}"
                )

    def changed(self, **values: Any) -> Self:
        """The same space with other values of some fields."""
        return replace(self, **values)  # type: ignore[type-var]  # see to_dict

    def op(self, name: str) -> Op:
        """The op of a name."""
        return find_op(name)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the shares of a budget, `A` of them: groups of ops, or the ops."""
        return tuple(name for name, _ in self.groups) or self.ops

    @property
    def axis_of_ops(self) -> tuple[int, ...] | None:
        """For every op, the position of its axis; None where each is one of its own."""
        axis = {op: a for a, (_, ops) in enumerate(self.groups) for op in ops}
        return tuple(axis[op] for op in self.ops) if axis else None

    @cached_property
    def slots_of(self) -> tuple[tuple[Slot, ...], ...]:
        """The slots of every choice."""
        rows = range(len(self.choices))
        return tuple(tuple(s for s in self.slots if s.choice == e) for e in rows)

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """`allows` of every op at every choice, shape `(E, k)`."""
        rows = range(len(self.choices))
        return np.array([[self.allows(e, op) for op in self.ops] for e in rows])

    @property
    def all_sites(self) -> tuple[Site, ...]:
        """Every distinct table entry of the space, sorted: what a profile measures."""
        pairs = np.argwhere(self.allowed).tolist()
        priced = {site for e, m in pairs for site in self.sites(e, self.ops[m])}
        return tuple(sorted(priced.union(self.joins())))

    def matrix(self, price: Callable[[Site], float]) -> NDArray[np.float32]:
        """What every op at every choice costs, shape `(E, k)`: P, T, or by `price`.

        Sums over the sites of a choice; 0 where an op may not stand.
        """
        costs = np.zeros(self.allowed.shape, np.float32)
        for e, m in np.argwhere(self.allowed).tolist():
            costs[e, m] = math.fsum(map(price, self.sites(e, self.ops[m])))
        return costs

    @property
    def tflite_ops(self) -> frozenset[str]:
        """Operators that the .tflite of a member may hold."""
        return DEPLOYABLE.union(*(self.op(name).tflite for name in self.ops))

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that two spaces share only if they are equal."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]  # every subclass is a dataclass

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; keys left out keep their defaults.

        Raises:
            SettingsError: If a key is unknown or a value is of the wrong type.
        """
        known = {field.name: field.default for field in fields(cls)}  # type: ignore[arg-type]  # see to_dict
        values = {key: value for key, value in values.items() if key != "kind"}
        for key, value in values.items():
            if key not in known:
                raise SettingsError(f"Unknown key {key!r}. {nearest(key, [*known])}")
            listed = isinstance(value, list | tuple | Mapping)
            if isinstance(known[key], tuple) and not listed:
                raise SettingsError(f"{key} of a space must be a list")
        try:
            return cls(**{key: _frozen(value) for key, value in values.items()})
        except (TypeError, ValueError) as error:
            raise SettingsError(
                f"A value of a {cls.kind} space is of the wrong type: {error}"
            ) from error


def _frozen(value: Any) -> Any:
    """A value of JSON or TOML as one that cannot change: tables and lists to tuples."""
    if isinstance(value, Mapping):
        return tuple((key, _frozen(one)) for key, one in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
