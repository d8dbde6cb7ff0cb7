"""What an exported member must pass, so that a build can stop where it does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfnas.errors import GateError
from tfnas.targets.measurement import CPU_FALLBACK, UNUSABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """Conditions on a card; one that is None or False is not checked.

    Attributes:
        accuracy_drop: Most points of accuracy, in per cent, from float to .tflite.
        latency_error: Most `|measured / predicted - 1|`, in per cent.
        full_int8: Whether all must be int8, and whole on the accelerator if there is
            one.
    """

    accuracy_drop: float | None = None
    latency_error: float | None = None
    full_int8: bool = False

    def failed(self, card: Mapping[str, Any]) -> list[str]:
        """What a card does not pass, in words, with by how much."""
        return [
            *self._accuracy(card),
            *self._latency(card),
            *(self._int8(card) if self.full_int8 else ()),
        ]

    def _accuracy(self, card: Mapping[str, Any]) -> list[str]:
        lost = 100 * (card["float_accuracy"] - card["tflite_accuracy"])
        if self.accuracy_drop is None or lost <= self.accuracy_drop:
            return []
        return [f"{lost:.2f} points of accuracy are lost, not {self.accuracy_drop:g}"]

    def _latency(self, card: Mapping[str, Any]) -> list[str]:
        if self.latency_error is None:
            return []
        if card["measured_latency_ms"] is None:
            return [f"its latency was not measured on {card['target']}"]
        off = 100 * (card["measured_latency_ms"] / card["predicted_latency_ms"] - 1)
        if abs(off) <= self.latency_error:
            return []
        return [f"its latency is {off:+.1f} % off, not {self.latency_error:g} %"]

    def _int8(self, card: Mapping[str, Any]) -> list[str]:
        if card["precision"] != "int8":
            return [f"it is {card['precision']}, not int8"]
        left = {CPU_FALLBACK, UNUSABLE}.intersection(card["latency_flags"])
        return ["the accelerator leaves a part of it to the CPU"] if left else []

    def require(self, cards: Sequence[Mapping[str, Any]]) -> None:
        """Refuse members that do not pass.

        Raises:
            GateError: If one does not; says which, and by how much.
        """
        broken = [
            f"{card['folder']}: {'; '.join(reasons)}"
            for card in cards
            if (reasons := self.failed(card))
        ]
        if broken:
            raise GateError(". ".join(broken))
