"""The only door to other programs."""

import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence

from tfnas.errors import TargetError


def run(
    command: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes = b"",
    may_fail: bool = False,
) -> str:
    """Run a program without a shell and return what it wrote to stdout.

    Args:
        command: Program and arguments, each passed on as it is.
        timeout_s: Seconds after which the program is ended.
        stdin: What it can read.
        may_fail: Return what a program wrote, to stderr as well, whatever its code.

    Raises:
        TargetError: If it is missing, takes too long or fails.
    """
    name = command[0]
    try:
        done = subprocess.run(
            command, capture_output=True, input=stdin, timeout=timeout_s, check=False
        )
    except OSError as error:
        raise _not_started(name, error) from None
    except subprocess.TimeoutExpired:
        raise TargetError(f"{name} did not finish within {timeout_s:g} s") from None
    said, complained = (
        text.decode(errors="replace") for text in (done.stdout, done.stderr)
    )
    if may_fail:
        return said + complained
    if done.returncode != 0:
        raise _failed(name, done.returncode, complained or said)
    return said


def stream(
    command: Sequence[str], *, silence_s: float, stdin: bytes = b""
) -> Iterator[str]:
    """Run a program without a shell and yield its lines as they come.

    The program is ended when the iterator is.

    Args:
        command: Program and arguments, each passed on as it is.
        silence_s: Seconds without a line after which the program is killed.
        stdin: What it can read.

    Raises:
        TargetError: If it is missing, falls silent or fails; lines come first.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write(stdin)
        given.seek(0)
        try:
            process = subprocess.Popen(
                command, stdin=given, stdout=subprocess.PIPE, stderr=complaints
            )
        except OSError as error:
            raise _not_started(command[0], error) from None
        with process:
            ended = False
            try:
                yield from _lines(process, silence_s)
                ended = True
            finally:
                if not ended:
                    process.terminate()
        if process.returncode == -signal.SIGKILL:
            raise TargetError(f"{command[0]} said nothing for {silence_s:g} s")
        complaints.seek(0)
        if process.returncode != 0:
            text = complaints.read().decode(errors="replace")
            raise _failed(command[0], process.returncode, text)


def _lines(process: "subprocess.Popen[bytes]", silence_s: float) -> Iterator[str]:
    while process.stdout is not None:
        alarm = threading.Timer(silence_s, process.kill)
        alarm.start()
        line = process.stdout.readline()
        alarm.cancel()
        if not line:
            return
        yield line.decode(errors="replace").rstrip("\n")


def _not_started(name: str, error: OSError) -> TargetError:
    if isinstance(error, FileNotFoundError):
        return TargetError(f"{name} is not on PATH")
    return TargetError(f"{name} cannot be started: {error.strerror}")


def _failed(name: str, code: int, text: str) -> TargetError:
    lines = text.strip().splitlines()
    reason = lines[-1] if lines else "it says nothing"
    return TargetError(f"{name} failed with code {code}: {reason}")
