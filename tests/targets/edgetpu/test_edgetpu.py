"""The Edge TPU target with a stub delegate and a stand-in for Google's compiler.

What is real here: delegate interface, interpreter, lint, log parser, and
how the compiler is called. No time that comes out means anything.
"""

import os
import shutil
import subprocess

import pytest
from stand_ins import EDGETPU_LOG

from tfnas.errors import RefusedError, TargetError
from tfnas.latency.probes import site_model
from tfnas.spaces.site import Site
from tfnas.targets.edgetpu import compiler as edgetpu_compiler
from tfnas.targets.edgetpu import edgetpu as module
from tfnas.targets.measurement import CPU_FALLBACK, Measurement
from tfnas.targets.registry import get_target

# A delegate that takes no node; with the environment's word for it, there is no device.
STUB = """
#include <stdlib.h>
static int prepare(void *context, void *delegate) { return 0; }
void *tflite_plugin_create_delegate(char **keys, char **values, size_t num,
                                    void (*report)(const char *)) {
  if (getenv("STUB_WITHOUT_DEVICE")) { report("no device found"); return NULL; }
  void **delegate = calloc(1, 256);
  delegate[1] = (void *)prepare;
  return delegate;
}
void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
"""
STAND_IN_COMPILER = """#!/bin/sh
[ "$1" = --version ] && { echo "Edge TPU Compiler stand-in"; exit; }
[ "$1 $2" = "-s -o" ] || exit 9
cp "$4" "$3/model_edgetpu.tflite"
cat "$(dirname "$0")/log"
grep -q "Mapped" "$(dirname "$0")/log"
"""
SITE = Site("sep_conv_3x3", 8, 8, 4, 4)

pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="the stub delegate needs gcc"
)


@pytest.fixture
def stub(tmp_path, monkeypatch):
    source, library = tmp_path / "stub.c", tmp_path / "libstub.so"
    source.write_text(STUB)
    command = ["gcc", "-shared", "-fPIC", "-o", library, source]
    subprocess.run(command, check=True)
    compiler = tmp_path / "edgetpu_compiler"
    compiler.write_text(STAND_IN_COMPILER)
    compiler.chmod(0o755)
    monkeypatch.setattr(module, "LIBRARY", str(library))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    log = tmp_path / "log"
    log.write_text(EDGETPU_LOG.replace("Operation not supported", "Mapped to Edge TPU"))
    return log


def test_models_are_compiled_and_timed_through_the_delegate(stub):
    device = get_target("edgetpu")
    compiled = device.compile(site_model(SITE))
    (timed,) = device.measure([compiled], runs=3, warmup=1)

    assert device.device["compiler"] == "Edge TPU Compiler stand-in"
    assert len(timed.runs_ms) == 3
    assert timed.flags == ()


def test_a_part_that_stays_on_the_cpu_is_flagged_and_its_time_kept(stub):
    stub.write_text(EDGETPU_LOG)
    device = get_target("edgetpu")
    (timed,) = device.measure([device.compile(site_model(SITE))], runs=1, warmup=1)

    assert timed.flags == (CPU_FALLBACK,)
    assert timed.runs_ms[0] > 0


def test_what_the_compiler_refuses_is_refused_with_its_line(stub):
    stub.write_text("Internal compiler error. Aborting!\n")

    with pytest.raises(RefusedError, match="Internal compiler error"):
        get_target("edgetpu").compile(site_model(SITE))


def test_a_model_that_breaks_a_rule_does_not_reach_the_compiler(stub, monkeypatch):
    device = get_target("edgetpu")
    monkeypatch.setattr(
        edgetpu_compiler, "lint", lambda model: ["Op 3, GELU: not an op"]
    )

    with pytest.raises(RefusedError, match=r"No Edge TPU runs this model\. Op 3, GELU"):
        device.compile(b"")


def test_a_board_times_what_this_machine_compiled(stub, monkeypatch):
    class StandInBoard:
        def __init__(self, address, *, threads, delegate, compiled, python):
            self.conditions = self.reach = {}
            self.device = {"asked": f"{address} {threads} {delegate} {python}"}

        def measure(self, models, runs, warmup):
            return (Measurement((2.0,) * runs) for _ in models)

    stub.write_text(EDGETPU_LOG)
    monkeypatch.setattr(module, "Ssh", StandInBoard)
    monkeypatch.setattr(module.EdgeTpuBoard, "missing", staticmethod(lambda _: []))
    device = get_target("edgetpu@ssh://pi@coral", options={"python": "python3.9"})
    (timed,) = device.measure([device.compile(site_model(SITE))], runs=2, warmup=1)

    assert device.device == {
        "asked": "ssh://pi@coral 1 libedgetpu.so.1 python3.9",
        "compiler": "Edge TPU Compiler stand-in",
    }
    assert timed == Measurement((2.0, 2.0), flags=(CPU_FALLBACK,))


def test_a_library_without_a_device_says_what_to_do(stub, monkeypatch):
    monkeypatch.setenv("STUB_WITHOUT_DEVICE", "1")

    with pytest.raises(TargetError, match=r"finds no Edge TPU\. Plug the device in"):
        get_target("edgetpu")
