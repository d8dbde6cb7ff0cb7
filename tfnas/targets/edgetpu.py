"""A Coral Edge TPU on this machine: Google's compiler and delegate, where they are."""

import ctypes
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tfnas.errors import RefusedError, TargetError
from tfnas.measurement import CPU_FALLBACK, Measurement
from tfnas.targets.base import ROUNDS, time_calls
from tfnas.targets.edgetpu_lint import lint
from tfnas.targets.edgetpu_log import parse_log
from tfnas.targets.process import run

COMPILER = "edgetpu_compiler"
LIBRARY = "libedgetpu.1.dylib" if sys.platform == "darwin" else "libedgetpu.so.1"
_COMPILE_TIMEOUT_S = 200.0


class EdgeTpu:
    """A Coral Edge TPU through libedgetpu.

    Args:
        address: `edgetpu`.
        threads: Threads for what the compiler leaves on the CPU.

    Raises:
        TargetError: If compiler, library or device is missing; the message names each.
    """

    about = "Coral Edge TPU on this machine (USB or PCIe)"
    options = ()
    rounds = ROUNDS
    suffix = "edgetpu"
    per_tensor_dense = True

    def __init__(self, address: str = "edgetpu", *, threads: int = 1) -> None:
        self.name = address
        self.kind = "measured"
        self.threads = threads
        if lacks := self.missing(address):
            raise TargetError(f"Target edgetpu is not usable here: {'; '.join(lacks)}")
        self._delegate = _load_delegate()
        self._on_cpu: set[bytes] = set()
        self.device = {
            "runtime": f"ai-edge-litert {version('ai-edge-litert')}",
            "delegate": LIBRARY,
            "compiler": run([COMPILER, "--version"], timeout_s=10).strip(),
            "threads": str(threads),
        }

    @staticmethod
    def missing(address: str) -> list[str]:
        """What this machine lacks, with where to get it; a device is not looked for."""
        del address
        lacks = []
        if shutil.which(COMPILER) is None:
            lacks.append(
                f"{COMPILER} is not on PATH "
                "(x86-64 Linux only; see coral.ai/docs/edgetpu/compiler)"
            )
        try:
            ctypes.CDLL(LIBRARY)
        except OSError:
            lacks.append(
                f"{LIBRARY} cannot be loaded "
                "(install the Edge TPU runtime; see coral.ai/software)"
            )
        return lacks

    def compile(self, model: bytes) -> bytes:
        """Compile for the Edge TPU; the missing output file is how failure shows.

        Raises:
            RefusedError: If it breaks a documented rule, or the compiler says no.
        """
        if reasons := lint(model):
            raise RefusedError(f"No Edge TPU runs this model. {reasons[0]}")
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "model.tflite"
            source.write_bytes(model)
            said = run(
                [COMPILER, "-s", "-o", folder, str(source)],
                timeout_s=_COMPILE_TIMEOUT_S,
            )
            log = parse_log(said)
            path = Path(folder) / "model_edgetpu.tflite"
            if not path.exists():
                raise RefusedError(f"{COMPILER} made no model: {said.strip()[-200:]}")
            compiled = path.read_bytes()
        if log.on_cpu:
            self._on_cpu.add(compiled)
        return compiled

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """Time compiled models in their order, at batch size 1, after a warm-up."""
        from ai_edge_litert.interpreter import Interpreter

        for model in models:
            interpreter = Interpreter(
                model_content=model,
                num_threads=self.threads,
                experimental_delegates=[self._delegate],
            )
            interpreter.allocate_tensors()
            timed = time_calls(interpreter.invoke, runs, warmup)
            flags = (CPU_FALLBACK,) if model in self._on_cpu else ()
            yield replace(timed, flags=flags)


def _load_delegate() -> Any:
    from ai_edge_litert.interpreter import load_delegate

    try:
        return load_delegate(LIBRARY)
    except ValueError as error:
        raise TargetError(
            f"Target edgetpu is not usable here: {LIBRARY} finds no Edge TPU. "
            "Plug the device in, or check its permissions (group plugdev)."
        ) from error
