"""A Coral Edge TPU, on this machine or on a board: Google's compiler and delegate."""

import ctypes
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from tfnas.errors import TargetError
from tfnas.support.quiet import quiet
from tfnas.targets.edgetpu.compiler import EdgeTpuCompiler
from tfnas.targets.measurement import Measurement
from tfnas.targets.ssh import Ssh
from tfnas.targets.target import COPIES, time_calls
from tfnas.tflite.traits import Traits

LIBRARY = "libedgetpu.1.dylib" if sys.platform == "darwin" else "libedgetpu.so.1"
AT_BOARD = "edgetpu@"


class EdgeTpu:
    """A Coral Edge TPU of this machine, through libedgetpu.

    Args:
        address: `edgetpu`.
        threads: Threads for what the compiler leaves on the CPU.

    Raises:
        TargetError: If compiler, library or device is missing; the message names each.
    """

    traits = Traits(
        about="Coral Edge TPU on this machine (USB or PCIe)",
        repeats=COPIES,
        suffix="edgetpu",
        per_tensor_dense=True,
        call_ms=0.0,
    )

    def __init__(self, address: str = "edgetpu", *, threads: int = 1) -> None:
        self.name, self.kind, self.threads = address, "measured", threads
        self.conditions: dict[str, str] = {}
        self.reach: dict[str, str] = {}
        self._delegate = _load_delegate()
        self._compiler = EdgeTpuCompiler()
        self.device = {
            "runtime": f"ai-edge-litert {version('ai-edge-litert')}",
            "delegate": LIBRARY,
            "compiler": self._compiler.version,
            "threads": str(threads),
        }

    @staticmethod
    def missing(address: str) -> list[str]:
        """What this machine lacks, with where to get it; a device is not looked for."""
        del address
        lacks = EdgeTpuCompiler.missing()
        try:
            ctypes.CDLL(LIBRARY)
        except OSError:
            lacks.append(
                f"{LIBRARY} cannot be loaded "
                "(install the Edge TPU runtime; see coral.ai/software)"
            )
        return lacks

    def compile(self, model: bytes) -> bytes:
        """Compile with Google's compiler, after a look at the documented rules."""
        return self._compiler.compile(model)

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """Time compiled models in their order, at batch size 1, after a warm-up."""
        from ai_edge_litert.interpreter import Interpreter

        for model in models:
            with quiet():
                interpreter = Interpreter(
                    model_content=model,
                    num_threads=self.threads,
                    experimental_delegates=[self._delegate],
                )
                interpreter.allocate_tensors()
                timed = time_calls(interpreter.invoke, runs, warmup)
            yield replace(timed, flags=self._compiler.flags(model))


class EdgeTpuBoard:
    """A Coral Edge TPU of a board behind ssh; models are compiled here.

    The board's own pair of runtime and libedgetpu is used: they must be of one age.

    Args:
        address: `edgetpu@ssh://user@host`.
        threads: Threads for what the compiler leaves on the CPU.
        delegate: The board's library.
        options: What `Ssh` takes.

    Raises:
        TargetError: If the compiler here, or the board, is not there.
    """

    traits = replace(
        EdgeTpu.traits,
        about="Coral Edge TPU of a board behind ssh",
        options=Ssh.traits.options,
    )

    def __init__(
        self,
        address: str,
        *,
        threads: int = 1,
        delegate: str = "libedgetpu.so.1",
        **options: str,
    ) -> None:
        board = address.removeprefix(AT_BOARD)
        self._board = Ssh(
            board, threads=threads, delegate=delegate, compiled=True, **options
        )
        self._compiler = EdgeTpuCompiler()
        self.name, self.kind = address, "measured"
        self.conditions = self._board.conditions
        self.reach = self._board.reach
        self.device = {**self._board.device, "compiler": self._compiler.version}

    @staticmethod
    def missing(address: str) -> list[str]:
        """What this machine lacks, with where to get it; no board is looked for."""
        return [*EdgeTpuCompiler.missing(), *Ssh.missing(address)]

    def compile(self, model: bytes) -> bytes:
        """Compile with Google's compiler, after a look at the documented rules."""
        return self._compiler.compile(model)

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """Time compiled models on the board, in their order and in one call."""
        timed = self._board.measure(models, runs, warmup)
        for model, block in zip(models, timed, strict=True):
            yield replace(block, flags=self._compiler.flags(model))


def _load_delegate() -> Any:
    from ai_edge_litert.interpreter import load_delegate

    try:
        return load_delegate(LIBRARY)
    except ValueError as error:
        raise TargetError(
            f"Target edgetpu is not usable here: {LIBRARY} finds no Edge TPU. "
            "Plug the device in, or check its permissions (group plugdev)."
        ) from error
