"""An Android phone behind adb, timed by TensorFlow's own `benchmark_model`.

The binary is the user's: none is on any package registry. It lies where
`--benchmark-binary` says, or in the folder that litert-cli keeps such binaries in.
"""

import hashlib
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfnas.errors import TargetError
from tfnas.support.process import run
from tfnas.support.progress import say
from tfnas.targets.measurement import REFUSED, Measurement
from tfnas.tflite.traits import Traits

SCHEME = "adb:"
FOLDER = "/data/local/tmp/tfnas"
KEPT_BY_LITERT_CLI = Path(".cache/litert-cli/binaries")
_SERIAL = re.compile(r"[\w.][\w.:-]*")
_NAME = "benchmark_model"
_TIMEOUT_S, _MAX_SECONDS = 300.0, 150
# Megabytes of the process, as newer and as older binaries say it.
_PEAKS = (
    r"peak memory footprint \(MB\) via periodic monitoring: ([\d.]+)",
    r"[Mm]emory footprint .*\(MB\): .*overall=([\d.]+)",
)
_FACTS = {
    "phone": "ro.product.model",
    "build": "ro.build.fingerprint",
    "abi": "ro.product.cpu.abi",
}
# What `dumpsys` tells of a phone, by service.
_STATE = {
    "usb_powered": ("battery", r"USB powered: (\w+)"),
    "battery_decicelsius": ("battery", r"temperature: (\d+)"),
    "screen": ("power", r"mWakefulness=(\w+)"),
    "thermal_status": ("thermalservice", r"Thermal Status: (\d+)"),
}


class Adb:
    """An Android phone.

    Args:
        address: `adb:SERIAL`, as `adb devices` lists it.
        threads: CPU threads.
        benchmark_binary: File of a `benchmark_model` for the phone.
        remote_folder: Folder on the phone where programs may run.
        taskset: Hexadecimal mask of the cores to use, such as `f0`.

    Raises:
        TargetError: If adb, phone or binary is not there.
    """

    traits = Traits(
        about="an Android phone behind adb, timed by benchmark_model",
        options=("benchmark_binary", "remote_folder", "taskset"),
    )

    def __init__(
        self,
        address: str,
        *,
        threads: int = 1,
        benchmark_binary: str = "",
        remote_folder: str = FOLDER,
        taskset: str = "",
    ) -> None:
        serial = address.removeprefix(SCHEME)
        if not _SERIAL.fullmatch(serial):
            raise TargetError(f"{serial!r} is no serial: see `adb devices`")
        if not re.fullmatch("[0-9a-fA-F]*", taskset):
            raise TargetError(f"--taskset {taskset}: write a hexadecimal mask, as f0")
        self.name, self.kind, self.threads = address, "measured", threads
        self.serial, self.folder, self.taskset = serial, remote_folder, taskset
        binary = find_binary(benchmark_binary, self._shell(["getprop", _FACTS["abi"]]))
        self._sent: set[str] = set()
        self._send({_NAME: binary.read_bytes()})
        self._shell(["chmod", "755", f"{remote_folder}/{_NAME}"])
        self.conditions = self._state()
        self.device = {
            **{fact: self._shell(["getprop", key]) for fact, key in _FACTS.items()},
            "runtime": f"{_NAME} {_digest(binary.read_bytes())}",
            "delegate": "xnnpack",
            "taskset": taskset,
            "threads": str(threads),
        }
        self.reach = {
            "benchmark_binary": str(binary.resolve()),
            "remote_folder": remote_folder,
        }

    @staticmethod
    def missing(address: str) -> list[str]:
        """What this machine lacks, with where to get it; no phone is looked for."""
        del address
        here = shutil.which("adb")
        hint = "adb is not on PATH (Android platform tools, or apt-get install adb)"
        return [] if here else [hint]

    def compile(self, model: bytes) -> bytes:
        """Return the model as it is."""
        return model

    def measure(
        self, models: Sequence[bytes], runs: int, warmup: int
    ) -> Iterator[Measurement]:
        """Time models in their order; those the phone lacks are sent first.

        The binary tells no single runs: a block gives their median, or where an older
        binary does not tell that, their mean.
        """
        names = [f"{_digest(model)}.tflite" for model in models]
        files = dict(zip(names, models, strict=True))
        self._send({name: files[name] for name in files if name not in self._sent})
        for name in names:
            yield self._timed(name, self._command(name, runs, warmup))
        self.conditions.update(self._state())

    def _timed(self, name: str, command: Sequence[str]) -> Measurement:
        """One model; what the phone cannot run is unusable, not the end of all."""
        try:
            said = self._shell(command)
        except TargetError as error:
            self._shell(["true"])  # a phone that is lost is lost here
            say(f"Warning: {self.name} cannot run {name}: {error}")
            return REFUSED
        if not said:  # adb itself counts a lost phone as a success
            raise TargetError(f"{self.name} gave no answer: is it still there?")
        which = "median" if "median=" in said else "mean"
        self.conditions["statistic"] = f"{which} of each round, as the binary tells it"
        return parse_benchmark(said)

    def _state(self) -> dict[str, str]:
        """Charging, screen and heat, where the phone's services tell them."""
        found = {}
        for fact, (service, pattern) in _STATE.items():
            try:
                said = self._shell(["dumpsys", service])
            except TargetError:
                continue  # a phone without this service has no such fact
            if told := re.search(pattern, said):
                found[fact] = told[1]
        return found

    def _command(self, model: str, runs: int, warmup: int) -> list[str]:
        return [
            *(("taskset", self.taskset) if self.taskset else ()),
            f"{self.folder}/{_NAME}",
            f"--graph={self.folder}/{model}",
            f"--num_threads={self.threads}",
            "--use_xnnpack=true",
            f"--warmup_runs={warmup}",
            f"--num_runs={runs}",
            # num_runs is the least number: without these it goes on for a second. The
            # governor needs a moment of warm-up to see that there is work.
            *("--warmup_min_secs=0.2", "--min_secs=0", f"--max_secs={_MAX_SECONDS}"),
            "--report_peak_memory_footprint=true",
        ]

    def _send(self, files: dict[str, bytes]) -> None:
        if not files:
            return
        self._shell(["mkdir", "-p", self.folder])
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            paths = [str(Path(folder) / name) for name in files]
            self._adb(["push", *paths, f"{self.folder}/"])
        self._sent.update(files)

    def _shell(self, command: Sequence[str]) -> str:
        """Run a command on the phone, whose shell gets every word quoted."""
        return self._adb(["shell", shlex.join(command)]).strip()

    def _adb(self, words: Sequence[str]) -> str:
        return run(["adb", "-s", self.serial, *words], timeout_s=_TIMEOUT_S)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def find_binary(named: str, abi: str) -> Path:
    """The `benchmark_model` that was named, or what litert-cli keeps for the phone.

    Args:
        named: Its path; empty to look for one.
        abi: The phone's, such as `arm64-v8a`.

    Raises:
        TargetError: If there is none.
    """
    kept = Path.home() / KEPT_BY_LITERT_CLI
    known = [Path(named)] if named else sorted(kept.glob(f"*{abi[:5]}*/{_NAME}"))
    found = [path for path in known if path.is_file()]
    if not found:
        where = named or f"{kept}/*/{_NAME}"
        raise TargetError(
            f"No benchmark_model at {where}: name one built for {abi or 'the phone'} "
            "with --benchmark-binary (ai.google.dev/edge/litert has such binaries)"
        )
    return found[-1]


def parse_benchmark(said: str) -> Measurement:
    """Read what `benchmark_model` printed, with or without `INFO: ` in front.

    Two lines begin with `count=`: of the warm-up, and of the runs.

    Args:
        said: Its output.

    Raises:
        TargetError: If it tells of no runs.
    """
    lines = re.findall(r"count=\d+ .*", said)
    if len(lines) < 2:
        last = said.strip().splitlines()[-1:] or ["it says nothing"]
        raise TargetError(f"benchmark_model timed nothing: {last[0]}")
    facts = dict(re.findall(r"(\w+)=([\d.e+]+)", lines[-1]))
    # Where all runs took the same it says `curr=3(all same)`, and nothing else.
    micros = facts.get("median", facts.get("avg", facts.get("curr")))
    if micros is None:
        raise TargetError(f"benchmark_model tells no times: {lines[-1]}")
    peaks = [told for pattern in _PEAKS if (told := re.search(pattern, said))]
    peak = round(float(peaks[0][1]) * 2**20) if peaks else None
    return Measurement((float(micros) / 1000,), peak_memory_bytes=peak)
