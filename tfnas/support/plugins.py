"""The one door for what other packages and the user bring."""

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tfnas.errors import DataError, nearest


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _function(source: str) -> Any:
    name, function = source.split(":")
    try:
        module = import_module(name)
    except (ImportError, SyntaxError) as error:
        raise DataError(
            f"{source}: cannot import {name} from {Path.cwd()} or what is installed: "
            f"{error}"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        known = [
            one for one, value in vars(module).items() if inspect.isfunction(value)
        ]
        raise DataError(
            f"{name} has no function {function!r}. {nearest(function, known)}"
        )
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{source} must be callable without arguments: {error}"
        ) from error
    return found
