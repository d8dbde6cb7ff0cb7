"""What a target hands back about one model."""

from dataclasses import dataclass
from statistics import median

# Flags: an accelerator leaves a part to the CPU, and the time holds that part;
CPU_FALLBACK = "cpu_fallback"
# or the time does not hold it, so that the model must not be used;
UNUSABLE = "unusable"
# measured twice as often, and its rounds still disagree.
UNSTABLE = "unstable"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Timings of one model on one target.

    Attributes:
        runs_ms: Milliseconds of one inference, once per timed sample, warm-up left out.
        arena_bytes: Memory for activations, or None where the target cannot tell.
        flags: What a reader of the times must know, such as `"cpu_fallback"`.
        residual_ms: Where the times are slopes: how far what they were told from lies
            from a line at most.
        peak_memory_bytes: Most memory of the process that ran it, or None.
        rounds_ms: The median of each round, where there were several.
    """

    runs_ms: tuple[float, ...]
    arena_bytes: int | None = None
    flags: tuple[str, ...] = ()
    residual_ms: float | None = None
    peak_memory_bytes: int | None = None
    rounds_ms: tuple[float, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether its times are those of the whole model."""
        return UNUSABLE not in self.flags

    @property
    def median_ms(self) -> float:
        """The figure that is reported: robust to a stray slow run."""
        return median(self.runs_ms)


# What stands for a model that the target does not run.
REFUSED = Measurement((0.0,), flags=(UNUSABLE,))
