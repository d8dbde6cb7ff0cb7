"""This machine's CPU, through LiteRT."""

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from tfnas.support.quiet import quiet
from tfnas.targets.measurement import Measurement
from tfnas.targets.target import time_calls
from tfnas.tflite.traits import Traits


class Cpu:
    """This machine's CPU, with LiteRT's default kernels (XNNPACK).

    Args:
        address: `cpu`.
        threads: Threads of the interpreter.
    """

    traits = Traits(about="this machine's CPU, through LiteRT")

    def __init__(self, address: str = "cpu", *, threads: int = 1) -> None:
        self.name = address
        self.kind = "measured"
        self.threads = threads
        self.conditions: dict[str, str] = {}
        self.reach: dict[str, str] = {}
        self.device = {
            **cpu_facts(),
            "runtime": f"ai-edge-litert {version('ai-edge-litert')}",
            "delegate": "xnnpack",
            "threads": str(threads),
        }

    @staticmethod
    def missing(address: str) -> list[str]:
        """Nothing: LiteRT comes with tfnas."""
        del address
        return []

    def compile(self, model: bytes) -> bytes:
        """Return the model as it is: the interpreter takes any .tflite."""
        return model

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """Time models in their order, at batch size 1, after a warm-up."""
        from ai_edge_litert.interpreter import Interpreter

        for model in models:
            with quiet():
                interpreter = Interpreter(model_content=model, num_threads=self.threads)
                interpreter.allocate_tensors()
                timed = time_calls(interpreter.invoke, runs, warmup)
            yield timed


def cpu_facts() -> dict[str, str]:
    """Model, instruction sets and operating system of this machine."""
    facts = {
        "os": f"{platform.system()} {platform.machine()}",
        "cpu": platform.processor(),
    }
    info = Path("/proc/cpuinfo")
    if info.exists():
        pairs = (
            line.split(":", 1) for line in info.read_text().splitlines() if ":" in line
        )
        values = {key.strip(): value.strip() for key, value in pairs}
        facts["cpu"] = values.get("model name", values.get("Model", facts["cpu"]))
        flags = values.get("flags", values.get("Features", "")).split()
        facts["cpu_flags"] = " ".join(sorted(set(flags) & _SPEED_FLAGS))
    return facts


# The instruction sets that XNNPACK chooses int8 kernels by.
_SPEED_FLAGS = {
    "sse4_1",
    "avx",
    "avx2",
    "avx512f",
    "avx512vl",
    "avx512_vnni",
    "avx_vnni",
} | {
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
    "sve",
}
