"""A board behind ssh: the system's own ssh, and one Python file on the board.

The user's configuration, keys and jump hosts work as they do on the command line. A
call costs half a second, so models travel in one archive and a whole round is one call.
"""

import hashlib
import io
import json
import re
import shlex
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfnas.errors import TargetError
from tfnas.support.process import run, stream
from tfnas.support.progress import say
from tfnas.targets.measurement import REFUSED, Measurement
from tfnas.tflite.traits import Traits

RUNNER = Path(__file__).with_name("board_runner.py")
_SHARED = (
    *("-o", "ControlMaster=auto", "-o", "ControlPersist=60"),
    *("-o", "ControlPath=~/.ssh/tfnas-%C"),
)
_ADDRESS = re.compile(
    r"ssh://((?P<user>[\w.][\w.-]*)@)?(?P<host>[\w.][\w.-]*|\[[0-9a-fA-F:]+\])(:(?P<port>\d+))?"
)
_COPY_TIMEOUT_S = _SILENCE_S = 300.0


class Ssh:
    """A board behind ssh, timed by its own TFLite runtime.

    Args:
        address: `ssh://user@host:port`; user and port may be left out.
        threads: Threads of the board's interpreter.
        python: The board's Python, with numpy and a TFLite runtime.
        remote_folder: Folder on the board for runner and models.
        delegate: Library on the board that takes what it can.
        compiled: Whether models come compiled for the Edge TPU.

    Raises:
        TargetError: If the address is none, or the board or its runtime is not there.
    """

    traits = Traits(
        about="a board behind ssh, timed by its own TFLite runtime",
        options=("python", "remote_folder", "delegate"),
    )

    def __init__(
        self,
        address: str,
        *,
        threads: int = 1,
        python: str = "python3",
        remote_folder: str = ".cache/tfnas",
        delegate: str = "",
        compiled: bool = False,
    ) -> None:
        if "edgetpu" in delegate and not compiled:
            raise TargetError(
                f"{delegate} runs compiled models alone: use --target edgetpu@{address}"
            )
        self.name, self.kind, self.threads = address, "measured", threads
        self.python, self.folder, self.delegate = python, remote_folder, delegate
        self._ssh = ssh_command(address)
        self._temperatures: list[float] = []
        self._sent: set[str] = set()
        self._send({RUNNER.name: RUNNER.read_bytes()})
        facts = self._next(self._lines([], 1, 1))
        self.conditions: dict[str, str] = facts["state"]
        self.device = {
            **facts["device"],
            "delegate": delegate,
            "threads": str(threads),
        }
        self.reach = {"python": python, "remote_folder": remote_folder}

    @staticmethod
    def missing(address: str) -> list[str]:
        """What this machine lacks, with where to get it; no board is looked for."""
        del address
        here = shutil.which("ssh")
        return [] if here else ["ssh is not on PATH (install an OpenSSH client)"]

    def compile(self, model: bytes) -> bytes:
        """Return the model as it is."""
        return model

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """Time models in their order, in one call; those the board lacks are sent."""
        names = [f"{hashlib.sha256(model).hexdigest()[:16]}.tflite" for model in models]
        files = dict(zip(names, models, strict=True))
        self._send({name: files[name] for name in files if name not in self._sent})
        lines = self._lines(names, runs, warmup)
        self._next(lines)  # the facts
        for name in names:
            line = self._next(lines)
            if "error" in line:
                say(f"Warning: {self.name} cannot run {name}: {line['error']}")
                yield REFUSED
                continue
            self._record(line["temperature_c"])
            yield Measurement(tuple(line["runs_ms"]))

    def _record(self, temperature: float | None) -> None:
        if temperature is not None:
            self._temperatures.append(temperature)
            low, high = min(self._temperatures), max(self._temperatures)
            self.conditions["temperature_c"] = f"{low:g} to {high:g}"

    def _send(self, files: Mapping[str, bytes]) -> None:
        if not files:
            return
        folder = shlex.quote(self.folder)
        unpack = f"mkdir -p {folder} && tar -x -f - -C {folder}"
        run([*self._ssh, unpack], timeout_s=_COPY_TIMEOUT_S, stdin=archive(files))
        self._sent.update(files)

    def _lines(
        self, names: Sequence[str], runs: int, warmup: int
    ) -> Iterator[dict[str, Any]]:
        """The runner's lines: facts first, then one for each model."""
        job = {
            "folder": self.folder,
            "models": names,
            "runs": runs,
            "warmup": warmup,
            "threads": self.threads,
            "delegate": self.delegate or None,
        }
        path = f"{self.folder}/{RUNNER.name}"
        there = f"{shlex.quote(self.python)} {shlex.quote(path)}"
        words = json.dumps(job).encode()
        for line in stream([*self._ssh, there], silence_s=_SILENCE_S, stdin=words):
            if line.startswith("{"):  # a board's login may have something to say
                yield json.loads(line)

    def _next(self, lines: Iterator[dict[str, Any]]) -> dict[str, Any]:
        line = next(lines, None)
        if line is None:
            raise TargetError(f"{self.name} ended before it had answered")
        return line


def ssh_command(address: str) -> list[str]:
    """The ssh command for an address, up to where the remote command follows.

    Connections are shared for a minute, so that all but the first open at once; one
    that does not answer for 45 s is given up.

    Raises:
        TargetError: If the address is not `ssh://user@host:port`.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise TargetError(f"{address!r} is no address: write ssh://user@host:port")
    user, port = found["user"], found["port"]
    # A folder that is the user's alone, and short: a socket's path is limited.
    shared = Path("~/.ssh").expanduser().is_dir()
    return [
        *("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"),
        *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"),
        *(_SHARED if shared else ()),
        *(("-l", user) if user else ()),
        *(("-p", port) if port else ()),
        *("--", found["host"].strip("[]")),
    ]


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files as an uncompressed tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
