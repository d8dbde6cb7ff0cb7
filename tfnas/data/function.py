"""Data from a function of the user's, in the project folder they work in."""

import re
import sys
from contextlib import redirect_stdout
from typing import Any

import tensorflow as tf

from tfnas.data.dataset import Dataset
from tfnas.data.pairs import read_sets
from tfnas.errors import DataError
from tfnas.support.plugins import _current_folder_importable, _function

# One letter before the colon is a drive of Windows.
FUNCTION = re.compile(r"(?!\w:)[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def read_function(source: str, shape: tuple[int, int, int] | None = None) -> Dataset:
    """Call a function of the user's for its data.

    Args:
        source: `package.module:function`, looked up in the current folder first. The
            function takes nothing and returns a `tf.data.Dataset` for training (see
            `read_pairs` for what it must give), or `(train, test)`, or
            `(train, test, class names)`; where test is None or left out, a fifth of the
            images becomes it.
        shape: What images are resized to; the shape of the first one by default.

    Raises:
        DataError: If there is no such function, or it returns anything else. What the
            function itself raises is passed on, for it is the user's to read.
    """
    # What it prints is for people; results alone go to stdout.
    with _current_folder_importable(), redirect_stdout(sys.stderr):
        returned = _function(source)()
        parts = [*returned] if isinstance(returned, tuple | list) else [returned]
        train, test, names = [*parts, None, None, None][:3]
        fits = [isinstance(part, tf.data.Dataset) for part in (train, test)]
        if len(parts) > 3 or not fits[0] or not (test is None or fits[1]):
            kinds = ", ".join(type(part).__name__ for part in parts)
            raise DataError(
                f"{source} returned ({kinds}); needed are tf.data.Dataset objects: "
                "train, (train, test) or (train, test, class names)"
            )
        return read_sets(source, train, test, _checked(names, source), shape)


def _checked(names: Any, source: str) -> tuple[str, ...] | None:
    if names is None:
        return None
    listed = isinstance(names, list | tuple)
    if not listed or not all(isinstance(name, str) for name in names):
        raise DataError(f"{source}: class names must be a list of texts, got {names!r}")
    return tuple(names)
