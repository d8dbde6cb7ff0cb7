"""Arm Ethos-U NPUs, as Arm's compiler vela estimates them: no device is needed.

Vela (the extra `tfnas[ethos-u]`) compiles a model for one accelerator in one system and
states cycles, clock, SRAM and flash. Its help says what that is worth: "internal
compiler estimates"; so every table made here is of kind `vendor-estimate`.
"""

import configparser
import csv
import hashlib
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from tfnas.errors import TargetError, nearest
from tfnas.support.process import run
from tfnas.targets.measurement import UNUSABLE, Measurement
from tfnas.targets.target import COPIES
from tfnas.tflite.traits import Traits

CONFIG = "Arm/vela.ini"
_TIMEOUT_S = 600.0
# What Arm's documentation pairs each family with; vela itself pairs anything.
_DEFAULTS = {
    "u55": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "u65": ("Ethos_U65_High_End", "Dedicated_Sram"),
    "u85": ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_384KB"),
}


class EthosU:
    """One Ethos-U accelerator in one system, estimated by vela.

    Args:
        address: The accelerator, such as `ethos-u55-128`.
        threads: Must be 1: an NPU has no threads to choose.
        system_config: Clock and memories, by its name in vela's configuration.
        memory_mode: Where weights and activations lie, likewise.

    Raises:
        TargetError: If vela is not installed, or does not know such a system, or the
            system is not one of this accelerator.
    """

    traits = Traits(
        about="Arm Ethos-U NPU, estimated by Arm's compiler vela",
        options=("system_config", "memory_mode"),
        rounds=1,
        suffix="vela",
        call_ms=0.0,
    )

    def __init__(
        self,
        address: str,
        *,
        threads: int = 1,
        system_config: str | None = None,
        memory_mode: str | None = None,
    ) -> None:
        if threads != 1:
            raise TargetError(f"{address} runs without threads: leave --threads at 1")
        family = address.split("-")[1]
        self.name, self.kind = address, "vendor-estimate"
        self.system_config = system_config or _DEFAULTS[family][0]
        self.memory_mode = memory_mode or _DEFAULTS[family][1]
        _check_system(family, self.system_config, self.memory_mode)
        # An op alone would pay for its input and output in DRAM, which a network keeps
        # in SRAM: there only what further copies add says what it costs.
        if self.memory_mode.startswith("Dedicated"):
            self.traits = replace(self.traits, repeats=COPIES)
        clock_mhz = float(systems()[self.system_config]["core_clock"]) / 1e6
        self.device = {
            "accelerator": address,
            "runtime": f"ethos-u-vela {version('ethos-u-vela')}",
            "system_config": self.system_config,
            "memory_mode": self.memory_mode,
            "clock_mhz": f"{clock_mhz:g}",
            "threads": "1",
        }
        self.conditions: dict[str, str] = {}
        self.reach: dict[str, str] = {}
        self._reports: dict[str, Measurement] = {}

    @staticmethod
    def missing(address: str) -> list[str]:
        """What this machine lacks, with where to get it."""
        del address
        try:
            version("ethos-u-vela")
        except PackageNotFoundError:
            return ["vela is not installed (pip install 'tfnas[ethos-u]')"]
        return []

    def compile(self, model: bytes) -> bytes:
        """Compile with vela, which estimates while it does.

        Raises:
            TargetError: If vela refuses the model.
        """
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "model.tflite"
            source.write_bytes(model)
            said = run(self._command(source), timeout_s=_TIMEOUT_S)
            (summary,) = Path(folder).glob("model_summary_*.csv")
            with summary.open(newline="", encoding="utf-8") as file:
                (facts,) = csv.DictReader(file)
            compiled = (Path(folder) / "model_vela.tflite").read_bytes()
        self._reports[hashlib.sha256(compiled).hexdigest()] = estimate(said, facts)
        return compiled

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """What vela estimated for models that this target compiled."""
        del runs, warmup
        for model in models:
            yield self._reports[hashlib.sha256(model).hexdigest()]

    def _command(self, source: Path) -> list[str]:
        return [
            *(sys.executable, "-m", "ethosu.vela", str(source)),
            *("--accelerator-config", self.name, "--config", CONFIG),
            *("--system-config", self.system_config),
            *("--memory-mode", self.memory_mode),
            *("--output-dir", str(source.parent)),
        ]


def estimate(said: str, facts: dict[str, str]) -> Measurement:
    """What vela printed and wrote about one model.

    A part that is left to the CPU has no cycles in vela's sum, so the time of such a
    model is no time of it.

    Args:
        said: Its standard output.
        facts: The row of its summary file.

    Raises:
        TargetError: If the output is not that of a vela we know.
    """
    left = re.search(r"^CPU operators = (\d+)", said, re.MULTILINE)
    try:
        milliseconds = 1e3 * float(facts["inference_time"])
        sram_bytes = round(1024 * float(facts["sram_memory_used"]))
    except KeyError as error:
        raise TargetError(
            f"vela's summary has no {error}: of another version?"
        ) from None
    if left is None:
        raise TargetError("vela does not say which operators stay on the CPU")
    flags = (UNUSABLE,) if int(left[1]) else ()
    return Measurement((milliseconds,), arena_bytes=sram_bytes, flags=flags)


@cache
def systems() -> dict[str, dict[str, str]]:
    """Systems that the installed vela knows, by name: their settings."""
    spec = find_spec("ethosu")
    found = spec.submodule_search_locations if spec else None
    parser = configparser.ConfigParser()
    parser.read(Path(folder) / "config_files" / CONFIG for folder in found or ())
    return {
        name.partition(".")[2]: dict(parser[name])
        for name in parser.sections()
        if name.startswith("System_Config.")
    }


def _check_system(family: str, system: str, mode: str) -> None:
    """Refuse what vela would estimate without a word: another family's system."""
    known = [name for name in systems() if name.startswith(f"Ethos_{family.upper()}_")]
    if system not in known:
        raise TargetError(
            f"{system!r} is no system of an Ethos-{family.upper()}. "
            f"{nearest(system, known)}"
        )
    modes = ["Sram_Only", "Shared_Sram"]
    if systems()[system]["axi1_port"] == "Dram":
        dedicated = ("", "_256KB", "_384KB", "_512KB")
        modes += [f"Dedicated_Sram{size}" for size in dedicated]
    if mode not in modes:
        raise TargetError(
            f"Memory mode {mode!r} does not go with {system}. {nearest(mode, modes)}"
        )
