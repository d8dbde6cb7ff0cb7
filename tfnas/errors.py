"""Errors a user can fix. Everything else is a bug and keeps its traceback."""


class TfnasError(Exception):
    """Base class: `tfnas.cli.main` prints its message in one line.

    Attributes:
        exit_code: What the command then exits with.
    """

    exit_code = 2


class SettingsError(TfnasError):
    """A budget, a space or a settings file holds a value that cannot be used."""


class DataError(TfnasError):
    """A dataset is missing, damaged or of another shape than the space."""


class TableError(TfnasError):
    """A latency table is damaged, or was measured for another space or device."""


class TargetError(TfnasError):
    """A device, its runtime or its compiler is missing, or refused the model."""


class RefusedError(TargetError):
    """A device's compiler refuses one model; others may pass."""


class RunError(TfnasError):
    """A run folder is missing, unfinished, in the way, or of another version."""


class SearchError(TfnasError):
    """A search came to numbers that it cannot go on with."""


class ModelError(TfnasError):
    """A network could not be turned into a clean int8 TFLite model."""


class LimitError(TfnasError):
    """No member, or not this one, keeps the limits."""


class GateError(TfnasError):
    """An exported member does not pass what was asked of it."""

    exit_code = 3


def nearest(name: str, known: list[str]) -> str:
    """The tail of a did-you-mean sentence: the nearest known name, then all of them."""
    from difflib import get_close_matches

    hint = get_close_matches(name, known, n=1)
    meant = f"Did you mean {hint[0]!r}? " if hint else ""
    return f"{meant}Known: {', '.join(known)}"
