"""Data from a function of the user's, or of another package, that returns tf.data."""

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfnas.data.dataset import Dataset
from tfnas.data.pairs import read_sets
from tfnas.errors import DataError
from tfnas.support.plugins import users_code


def read_function(
    source: str,
    function: Callable[[], Any],
    shape: tuple[int, int, int] | None = None,
) -> Dataset:
    """Call a function for its data.

    Args:
        source: What the function was named by.
        function: Takes nothing and returns a `tf.data.Dataset` for training (see
            `read_pairs` for what it must give), or `(train, test)`, or
            `(train, test, class names)`; where test is None or left out, a fifth of the
            images becomes it.
        shape: What images are resized to; the shape of the first one by default.

    Raises:
        DataError: If it takes arguments, or returns anything else. What the function
            itself raises is passed on, for it is its author's to read.
    """
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{source} must be callable without arguments: {error}"
        ) from error
    with users_code():
        train, test, names = _parts(source, function())
        return read_sets(source, train, test, _checked(names, source), shape)


def _parts(source: str, returned: Any) -> list[Any]:
    """Training data, test data or None, and class names or None."""
    parts = [*returned] if isinstance(returned, tuple | list) else [returned]
    train, test, names = [*parts, None, None, None][:3]
    fits = [isinstance(part, tf.data.Dataset) for part in (train, test)]
    if len(parts) > 3 or not fits[0] or not (test is None or fits[1]):
        kinds = ", ".join(type(part).__name__ for part in parts)
        raise DataError(
            f"{source} returned ({kinds}); needed are tf.data.Dataset objects: "
            "train, (train, test) or (train, test, class names)"
        )
    return [train, test, names]


def _checked(names: Any, source: str) -> tuple[str, ...] | None:
    if names is None:
        return None
    listed = isinstance(names, list | tuple)
    if not listed or not all(isinstance(name, str) for name in names):
        raise DataError(f"{source}: class names must be a list of texts, got {names!r}")
    return tuple(names)
