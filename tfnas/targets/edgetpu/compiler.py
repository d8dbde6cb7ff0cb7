"""Google's `edgetpu_compiler`, where it is on PATH."""

import shutil
import tempfile
from pathlib import Path

from tfnas.errors import RefusedError
from tfnas.support.process import run
from tfnas.targets.edgetpu.lint import lint
from tfnas.targets.edgetpu.log import parse_log
from tfnas.targets.measurement import CPU_FALLBACK

COMPILER = "edgetpu_compiler"
_TIMEOUT_S = 200.0


class EdgeTpuCompiler:
    """Compiles models, and remembers which of them stay on the CPU in part."""

    def __init__(self) -> None:
        self.version = run([COMPILER, "--version"], timeout_s=10).strip()
        self._on_cpu: set[bytes] = set()

    @staticmethod
    def missing() -> list[str]:
        """What this machine lacks, with where to get it."""
        if shutil.which(COMPILER):
            return []
        return [
            f"{COMPILER} is not on PATH "
            "(x86-64 Linux only; see coral.ai/docs/edgetpu/compiler)"
        ]

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
            command = [COMPILER, "-s", "-o", folder, str(source)]
            said = run(command, timeout_s=_TIMEOUT_S, may_fail=True)
            log = parse_log(said)
            path = Path(folder) / "model_edgetpu.tflite"
            if not path.exists():
                raise RefusedError(f"{COMPILER} made no model: {said.strip()[-200:]}")
            compiled = path.read_bytes()
        if log.on_cpu:
            self._on_cpu.add(compiled)
        return compiled

    def flags(self, compiled: bytes) -> tuple[str, ...]:
        """What a reader of the times of a compiled model must know."""
        return (CPU_FALLBACK,) if compiled in self._on_cpu else ()
