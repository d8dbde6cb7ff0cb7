"""Times .tflite models on a board. Copied there and run by the board's own Python.

One file, Python 3.7 syntax, standard library and numpy beside whichever TFLite runtime
is installed. Standard input is one JSON document:

    {"folder": ..., "models": [file names], "runs": 50, "warmup": 10, "threads": 1,
     "delegate": null or a library}

Standard output is one JSON document a line: first facts about the board, then for each
model its times, or the error that it ended with. The first inference of a model is
never counted: with an accelerator it uploads the weights.
"""

import importlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

RUNTIMES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite-runtime"),
    ("tensorflow.lite.python.interpreter", "tensorflow"),
)
# A shorter sample would be mostly clock: a short model runs several times in one.
SAMPLE_S = 1e-4


def find_runtime() -> Tuple[Any, str]:
    """The first runtime that can be imported: its module and its name with version."""
    tried = []
    for module, package in RUNTIMES:
        try:
            return importlib.import_module(module), package + " " + version(package)
        # The latter two are how a runtime of before numpy 2 fails beside it.
        except (ImportError, AttributeError, SystemError) as error:
            tried.append("%s: %s" % (package, error))
    raise SystemExit("No TFLite runtime on the board (%s)" % "; ".join(tried))


def version(package: str) -> str:
    """The version of an installed package, by its metadata or by its own word."""
    try:
        return str(importlib.import_module("importlib.metadata").version(package))
    except ImportError:  # Python 3.7 has no such module, or the wheel another name
        module = importlib.import_module(package.replace("-", "_"))
        return str(getattr(module, "__version__", "of unknown version"))


def read(pattern: str) -> Optional[str]:
    """The first line of the first file that matches, or None."""
    for path in sorted(Path("/").glob(pattern)):
        try:
            return path.read_text().splitlines()[0].strip("\0 ")
        except (OSError, IndexError):
            continue
    return None


def cpu_model() -> str:
    """The board's or the processor's name."""
    name = read("proc/device-tree/model")
    info = Path("/proc/cpuinfo")
    if name is None and info.exists():
        lines = [line.partition(":") for line in info.read_text().splitlines()]
        names = [value for key, _, value in lines if key.strip() == "model name"]
        name = names[0].strip() if names else None
    return name or platform.processor() or platform.machine()


def facts(runtime: str) -> Dict[str, str]:
    """What tells this board from others, as strings."""
    return {
        "runtime": runtime,
        "cpu": cpu_model(),
        "machine": platform.machine(),
        "os": platform.system(),
    }


def state() -> Dict[str, str]:
    """What may be another the next time."""
    import numpy

    found = {
        "python_version": platform.python_version(),
        "numpy": numpy.__version__,
        "governor": read("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"),
    }
    return {key: value for key, value in found.items() if value}


def temperature_c() -> Optional[float]:
    """The hottest thermal zone in degrees Celsius, or None."""
    zones = Path("/sys/class/thermal").glob("thermal_zone*/temp")
    found = [read(str(zone.relative_to("/"))) for zone in zones]
    return max([int(text) / 1000 for text in found if text], default=None)


def load_delegates(module: Any, library: Optional[str]) -> List[Any]:
    """The delegate that was asked for, in a list; without it nothing can be timed."""
    if not library:
        return []
    try:
        return [module.load_delegate(library)]
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SystemExit("Delegate %s: %s" % (library, reason)) from None


def interpreter_of(module: Any, threads: int, path: str, delegates: List[Any]) -> Any:
    """An interpreter that is ready to run."""
    options = {"model_path": path, "experimental_delegates": delegates or None}
    try:
        made = module.Interpreter(num_threads=threads, **options)
    except TypeError:
        if threads > 1:
            raise SystemExit("The board's runtime runs on one thread alone") from None
        made = module.Interpreter(**options)  # before 2.5 it took no number of threads
    made.allocate_tensors()
    return made


def times_ms(call: Callable[[], Any], runs: int, warmup: int) -> List[float]:
    """Milliseconds of a call; a sample of a short one averages several calls."""
    for _ in range(max(2, warmup)):
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
    repeats = max(1, int(-(-SAMPLE_S // max(once, 1e-7))))
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        found.append(1e3 * (time.perf_counter() - start) / repeats)
    return found


def timed(
    module: Any, job: Dict[str, Any], name: str, delegates: List[Any]
) -> Dict[str, Any]:
    """The line about one model."""
    path = str(Path(job["folder"]) / name)
    made = interpreter_of(module, job["threads"], path, delegates)
    return {"runs_ms": times_ms(made.invoke, job["runs"], job["warmup"])}


def main() -> None:
    """Read the job, write the lines."""
    job = json.load(sys.stdin)
    module, runtime = find_runtime()
    line: Dict[str, Any] = {"device": facts(runtime), "state": state()}
    print(json.dumps(line), flush=True)
    delegates = load_delegates(module, job["delegate"])
    for name in job["models"]:
        try:
            line = timed(module, job, name, delegates)
        except (RuntimeError, ValueError) as error:  # a model that it cannot run
            line = {"error": "%s: %s" % (type(error).__name__, str(error).strip())}
        line.update(model=name, temperature_c=temperature_c())
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
