"""What a member must keep: milliseconds, parameters, bytes of flash and of RAM."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from tfnas.errors import LimitError, SettingsError, TargetError
from tfnas.spaces.simplex import Point
from tfnas.support.units import ms_text

# Of each limit: the fact of a card that must not be above it, and how it is shown.
_FACTS: dict[str, tuple[str, Callable[[float], str]]] = {
    "latency_ms": (
        "predicted_high_ms",
        lambda ms: f"{ms_text(ms)} ms (the upper end of the interval)",
    ),
    "params": ("params", "{:,.0f} parameters".format),
    "size_bytes": ("size_bytes", "{:,.0f} bytes of flash".format),
    "arena_bytes": ("arena_bytes", "{:,.0f} bytes of RAM".format),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of a member; None where there is none.

    Attributes:
        latency_ms: Milliseconds that such a network keeps, but for a share of
            `Calibration.beyond`.
        params: Trainable parameters.
        size_bytes: Size of the int8 .tflite.
        arena_bytes: RAM for activations.
    """

    latency_ms: float | None = None
    params: float | None = None
    size_bytes: float | None = None
    arena_bytes: float | None = None

    @property
    def given(self) -> dict[str, float]:
        """Those that are not None, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def exceeded(self, facts: Mapping[str, Any]) -> list[str]:
        """What breaks a limit, in words; limits of facts that are not there are kept.

        Args:
            facts: Of a member, as its card has them.

        Raises:
            TargetError: If a limit is on RAM, and nothing tells it.
        """
        found = []
        for name, limit in self.given.items():
            fact, shown = _FACTS[name]
            if fact in facts and facts[fact] is None:
                raise TargetError(
                    f"A limit on {name} needs something that tells it: "
                    "pip install 'tfnas[micro]', or a table of an Ethos-U"
                )
            if fact in facts and facts[fact] > limit:
                found.append(f"{shown(facts[fact])}, allowed are {limit:,g}")
        return found

    def usage(self, facts: Mapping[str, Any]) -> float:
        """The largest share of a limit that a member uses; above 1 it breaks one.

        Args:
            facts: Of the member; limits of facts that are not there do not count.
        """
        shares = [
            facts[_FACTS[name][0]] / limit
            for name, limit in self.given.items()
            if _FACTS[name][0] in facts
        ]
        return max(shares, default=0.0)

    def require(self, facts: Mapping[str, Any], who: str) -> None:
        """Refuse a member that breaks a limit.

        Args:
            facts: Of the member, as its card has them.
            who: What it is called in the message.

        Raises:
            LimitError: If it does; the message says by how much.
        """
        if broken := self.exceeded(facts):
            raise LimitError(f"{who} needs {'; '.join(broken)}.")


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Request:
    """What is asked of a run: a point, limits, or both.

    Attributes:
        point: A budget and a strength; None to let the limits decide.
        limits: What must be kept.
    """

    point: Point | None
    limits: Limits = NO_LIMITS


def combine(
    points: Sequence[Point], latencies_ms: Sequence[float], limits: Limits
) -> list[Request]:
    """One request for each point and each latency, every one with the other limits.

    Raises:
        SettingsError: If nothing is asked for.
    """
    if not (points or latencies_ms or limits.given):
        raise SettingsError(
            "Say what to take: --budget, or a limit such as --max-latency"
        )
    wanted: Sequence[Point | None] = points or [None]
    times: Sequence[float | None] = latencies_ms or [None]
    return [
        Request(point, replace(limits, latency_ms=time))
        for point in wanted
        for time in times
    ]
