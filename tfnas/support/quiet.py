"""Silence for C++ libraries, which write to the file descriptor behind stderr."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what C++ code writes to stderr off the screen.

    TensorFlow's import, its converter and the interpreter log past every switch there
    is; what goes wrong in them reaches Python as an exception.
    """
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
