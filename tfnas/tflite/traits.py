"""What is true of all devices of a kind: how models are made and timed for them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a target asks of models, and of who times them.

    Attributes:
        about: One line for people.
        options: Names of the keywords that the target's class takes beside `threads`.
        rounds: How often every model is measured, in ever another order; once is enough
            where a number is the same every time.
        repeats: Copies of an op in the models that its time is told from: once, or
            several numbers where a call or memory would drown it.
        suffix: Of the file name of a compiled model; empty where none is compiled.
        per_tensor_dense: Whether weights of dense layers must share one scale.
        call_ms: Milliseconds of a call that no op causes, taken off every op's time;
            None where a profile is to measure it, as the time of an op on one number.
    """

    about: str = ""
    options: tuple[str, ...] = ()
    rounds: int = 9
    repeats: tuple[int, ...] = (1,)
    suffix: str = ""
    per_tensor_dense: bool = False
    call_ms: float | None = None


# Of a device that runs any model as it is.
PLAIN = Traits()
