"""The board's runner on another architecture: plumbing and outputs, never times."""

import json
import platform
import shutil
import subprocess

import aarch64
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tfnas.latency.probes import site_model
from tfnas.spaces.site import Site
from tfnas.targets.ssh import RUNNER

# Single kernels: in a row of them, one unit of rounding becomes several.
SITES = (
    Site("conv_3x3", 8, 8, 4, 4),
    Site("max_pool_3x3", 8, 8, 4, 4, 2),
    Site("skip_connect", 8, 8, 4, 4, 2),
)
OUTPUT = """
import sys
import numpy
from tflite_runtime.interpreter import Interpreter
model = Interpreter(sys.argv[1])
model.allocate_tensors()
model.set_tensor(model.get_input_details()[0]["index"], numpy.load(sys.argv[2]))
model.invoke()
numpy.save(sys.argv[3], model.get_tensor(model.get_output_details()[0]["index"]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        platform.machine() != "x86_64" or shutil.which("apt-get") is None,
        reason="needs x86-64 Debian, to fetch qemu and a foreign Python",
    ),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return aarch64.make(tmp_path_factory.mktemp("aarch64"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for number, site in enumerate(SITES):
        (folder / f"{number}.tflite").write_bytes(site_model(site))
    return sorted(folder.iterdir())


def test_the_runner_answers_as_an_aarch64_board(python, models):
    job = {"folder": str(models[0].parent), "models": [path.name for path in models]}
    job |= {"runs": 3, "warmup": 1, "threads": 1, "delegate": None}
    done = subprocess.run(
        [*python, str(RUNNER)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    facts, *lines = map(json.loads, done.stdout.splitlines())

    assert facts["device"]["machine"] == "aarch64"
    assert facts["device"]["runtime"] == "tflite-runtime 2.14.0"
    assert [line["model"] for line in lines] == job["models"]
    assert [len(line["runs_ms"]) for line in lines] == [3] * len(SITES)


@pytest.mark.parametrize("number", range(len(SITES)), ids=lambda n: SITES[n].op)
def test_a_model_computes_there_what_it_computes_here(python, models, tmp_path, number):
    pixels = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 4), np.int8)
    np.save(tmp_path / "input.npy", pixels)
    here = Interpreter(str(models[number]))
    here.allocate_tensors()
    here.set_tensor(here.get_input_details()[0]["index"], pixels)
    here.invoke()

    files = (models[number], tmp_path / "input.npy", tmp_path / "output.npy")
    subprocess.run([*python, "-c", OUTPUT, *map(str, files)], check=True)

    expected = here.get_tensor(here.get_output_details()[0]["index"]).astype(int)
    assert np.ptp(expected) > 10
    # rounding differs by architecture in the last bit
    assert np.max(np.abs(np.load(tmp_path / "output.npy") - expected)) <= 1
