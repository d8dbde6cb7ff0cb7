import sys
from importlib import import_module

import pytest

from tfnas.errors import TargetError
from tfnas.support.process import run
from tfnas.targets.edgetpu import edgetpu as edgetpu_module
from tfnas.targets.measurement import Measurement
from tfnas.targets.registry import (
    TARGETS,
    About,
    describe,
    get_target,
    same_target,
    target_class,
    targets,
)
from tfnas.targets.target import time_calls


def test_an_unknown_target_is_named_with_the_nearest():
    with pytest.raises(TargetError, match=r"Unknown target 'cup'. Did you mean 'cpu'"):
        get_target("cup")


def test_the_cpu_says_what_and_how_it_measures():
    device = get_target("cpu", threads=2).device

    assert device["runtime"].startswith("ai-edge-litert ")
    assert device["threads"] == "2"
    assert device["cpu"]


def test_an_edge_tpu_that_is_not_there_is_one_line_that_names_what_is_missing():
    if not edgetpu_module.EdgeTpu.missing("edgetpu"):
        pytest.skip("this machine has the Edge TPU compiler and library")

    with pytest.raises(TargetError) as error:
        get_target("edgetpu")

    message = str(error.value)
    assert message.startswith("Target edgetpu is not usable here: ")
    assert "edgetpu_compiler is not on PATH" in message or "cannot be loaded" in message
    assert "\n" not in message


def test_an_edge_tpu_library_without_a_device_says_so(monkeypatch):
    def no_device(name):
        raise ValueError(f"Failed to load delegate from {name}\n")

    nothing = staticmethod(lambda address: [])
    monkeypatch.setattr(edgetpu_module.EdgeTpu, "missing", nothing)
    monkeypatch.setattr("ai_edge_litert.interpreter.load_delegate", no_device)

    with pytest.raises(TargetError, match=r"finds no Edge TPU. Plug the device in"):
        get_target("edgetpu")


def test_the_median_ignores_one_slow_run():
    assert Measurement(runs_ms=(1.0, 1.1, 90.0)).median_ms == 1.1


def test_timing_counts_runs_and_leaves_the_warm_up_out(monkeypatch):
    clock, calls = [0.0], []

    def call():
        calls.append(clock[0])
        clock[0] += 0.5 if len(calls) <= 3 else 0.25

    monkeypatch.setattr("tfnas.targets.target.time.perf_counter", lambda: clock[0])
    timed = time_calls(call, runs=4, warmup=3)

    assert timed.runs_ms == (250.0,) * 4
    assert len(calls) == 7


def test_a_sample_of_a_short_call_averages_several(monkeypatch):
    clock, calls = [0.0], []

    def call():
        calls.append(None)
        clock[0] += 2**-15  # about 30 us; 100 us take four of them

    monkeypatch.setattr("tfnas.targets.target.time.perf_counter", lambda: clock[0])
    timed = time_calls(call, runs=2, warmup=1)

    assert timed.runs_ms == (1000 * 2**-15,) * 2
    assert len(calls) == 1 + 2 * 4


def test_a_program_gets_its_arguments_as_they_are():
    code = "import sys; print(sys.argv[1:])"
    hostile = "; echo $HOME 'quoted' -rf"

    assert run([sys.executable, "-c", code, hostile], timeout_s=20) == f"{[hostile]}\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["no-such-program"], "no-such-program is not on PATH"),
        (
            [sys.executable, "-c", "import sys; sys.exit('device lost')"],
            "failed with code 1: device lost",
        ),
        (
            [sys.executable, "-c", "import time; time.sleep(9)"],
            r"did not finish within 0\.5 s",
        ),
    ],
)
def test_a_program_that_fails_is_one_sentence(command, message):
    with pytest.raises(TargetError, match=message):
        run(command, timeout_s=0.5)


@pytest.mark.parametrize("path", TARGETS.values())
def test_every_registered_target_has_a_class_that_fits_the_protocol(path):
    module, cls = path.split(":")
    target = getattr(import_module(module), cls)

    assert callable(target.compile)
    assert callable(target.measure)


TOASTER = """
from tfnas.targets import Traits

BREAD = []

class Toaster:
    traits = Traits(about="a stand-in toaster", options=("heat",))
    missing = staticmethod(lambda address: BREAD)
    def __init__(self, address, *, threads, heat="low"):
        self.name, self.heat, self.device = address, heat, {"threads": str(threads)}
"""


@pytest.fixture
def kitchen(package):
    """Another package, that offers targets."""
    return package("kitchen", TOASTER, targets={"toaster": "kitchen:Toaster"})


def test_another_package_adds_a_target(kitchen):
    assert get_target("toaster", options={"heat": "high"}).heat == "high"
    import_module("kitchen").BREAD.append("bread is missing")

    assert describe("toaster") == About(
        "toaster", "a stand-in toaster", ("bread is missing",), ("heat",)
    )
    with pytest.raises(TargetError, match="not usable here: bread is missing"):
        get_target("toaster")


def test_another_package_cannot_take_a_name_that_is_taken(package):
    package("kitchen", TOASTER, targets={"cpu": "kitchen:Toaster"})

    with pytest.raises(TargetError, match="kitchen offers the target 'cpu', but ther"):
        targets()


def test_another_package_may_offer_the_beginning_of_addresses(package):
    offers = {name: "kitchen:Toaster" for name in ("toast:", "toast:rack:", "adb")}
    package("kitchen", TOASTER, targets=offers)

    assert get_target("toast:rack:4").name == "toast:rack:4"
    assert target_class("toast:4") is target_class("adb")
    assert target_class("adb:R58") is not target_class("adb")
    with pytest.raises(TargetError, match=r"Unknown target 'toast'. Did you mean"):
        target_class("toast")


def test_a_target_of_the_users_own_is_taken_where_they_type_it(tmp_path, monkeypatch):
    (tmp_path / "bakery.py").write_text(TOASTER)
    monkeypatch.chdir(tmp_path)
    own = "bakery:Toaster"

    device = get_target(own, options={"heat": "high"}, typed=True)

    assert (device.name, device.heat) == (own, "high")
    assert describe(own).about == "a stand-in toaster"
    for word in (target_class, get_target):
        with pytest.raises(TargetError, match="bakery:Toaster names a module, which"):
            word(own)
    with pytest.raises(TargetError, match="bakery:BREAD is no target: its class has"):
        get_target("bakery:BREAD", typed=True)


def test_a_table_imports_no_module_that_it_names(tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text("import pathlib; pathlib.Path('x').touch()")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(TargetError, match="stranger:Cpu names a module, which only"):
        same_target("stranger:Cpu", {"threads": "1"}, {})
    assert not (tmp_path / "x").exists()


def test_addresses_of_ours_stay_what_they_are_where_they_look_like_modules(tmp_path):
    assert target_class("adb:emulator", typed=True).__name__ == "Adb"
    with pytest.raises(TargetError, match="cannot import cpu from"):
        target_class("cpu:Cpu", typed=True)


def test_a_table_opens_the_target_it_was_made_on():
    made_on = get_target("cpu", threads=2)

    assert same_target("cpu", made_on.device, {}).device == made_on.device
    with pytest.raises(
        TargetError, match=r"another device or runtime \(cpu: another, h"
    ):
        same_target("cpu", {**made_on.device, "cpu": "another"}, {})
