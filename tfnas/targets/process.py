"""The only door to other programs."""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence

from tfnas.errors import TargetError


def run(command: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> str:
    """Run a program without a shell and return what it wrote to stdout.

    Args:
        command: Program and arguments, each passed on as it is.
        timeout_s: Seconds after which the program is ended.
        stdin: What it can read.

    Raises:
        TargetError: If it is missing, takes too long or fails.
    """
    name = command[0]
    try:
        done = subprocess.run(
            command, capture_output=True, input=stdin, timeout=timeout_s, check=False
        )
    except FileNotFoundError:
        raise TargetError(f"{name} is not on PATH") from None
    except subprocess.TimeoutExpired:
        raise TargetError(f"{name} did not finish within {timeout_s:g} s") from None
    said, complained = (
        text.decode(errors="replace") for text in (done.stdout, done.stderr)
    )
    if done.returncode != 0:
        raise _failed(name, done.returncode, complained or said)
    return said


def stream(command: Sequence[str], *, stdin: bytes = b"") -> Iterator[str]:
    """Run a program without a shell and yield its lines as they come.

    The program is ended when the iterator is.

    Args:
        command: Program and arguments, each passed on as it is.
        stdin: What it can read.

    Raises:
        TargetError: If it is missing or fails, after the lines that it wrote.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write(stdin)
        given.seek(0)
        try:
            process = subprocess.Popen(
                command, stdin=given, stdout=subprocess.PIPE, stderr=complaints
            )
        except FileNotFoundError:
            raise TargetError(f"{command[0]} is not on PATH") from None
        with process:
            try:
                for line in process.stdout or ():
                    yield line.decode(errors="replace").rstrip("\n")
            finally:
                process.terminate()
        complaints.seek(0)
        # -15 is our own goodbye to a program that had said all it wanted to.
        if process.returncode not in (0, -15):
            text = complaints.read().decode(errors="replace")
            raise _failed(command[0], process.returncode, text)


def _failed(name: str, code: int, text: str) -> TargetError:
    lines = text.strip().splitlines()
    reason = lines[-1] if lines else "it says nothing"
    return TargetError(f"{name} failed with code {code}: {reason}")
