"""What a person sees while something takes longer than a blink: stderr, with an ETA."""

import shutil
import sys
from typing import Any

from tqdm import tqdm

_LINES_EVERY_S = 10.0


def say(text: str) -> None:
    """Print a line for people, past a bar in progress; results go to stdout."""
    tqdm.write(text, file=sys.stderr)


class _OneLine(tqdm):  # type: ignore[type-arg]
    """A bar that is cut where the terminal ends, so that it can be written over."""

    def __str__(self) -> str:
        width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
        return str(super().__str__())[:width]


def bar(total: int, title: str, done: int = 0, delay_s: float = 0) -> Any:
    """A bar with an ETA; a line every ten seconds where there is no terminal.

    Args:
        total: Steps of the whole.
        title: What is going on.
        done: Steps that were done before.
        delay_s: Seconds that pass before it is shown: what is done sooner shows none.
    """
    on_terminal = sys.stderr.isatty()
    return _OneLine(
        total=total,
        desc=title,
        initial=done,
        file=sys.stderr,
        leave=False,
        delay=delay_s,
        mininterval=0.2 if on_terminal else _LINES_EVERY_S,
        bar_format="{desc}: {percentage:.0f} %, {elapsed} gone, {remaining} left"
        "{postfix}" + ("" if on_terminal else "\n"),
    )
