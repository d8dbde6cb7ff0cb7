import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from adbd import Phone

from tfnas.errors import TargetError
from tfnas.latency.probes import site_model
from tfnas.spaces.site import Site
from tfnas.targets.adb import find_binary, parse_benchmark
from tfnas.targets.measurement import REFUSED
from tfnas.targets.registry import get_target

needs_adb = pytest.mark.skipif(
    shutil.which("adb") is None, reason="needs adb (apt-get install adb)"
)
OLDER = """STARTING!
Min num runs: [1000]
Graph: [/data/local/tmp/model.tflite]
Loaded model /data/local/tmp/model.tflite
The input model file size (MB): 1.41812
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if
count=478 first=2104 curr=1017 min=1012 max=2104 avg=1041.15 std=63

Running benchmark for at least 1000 iterations and at least 1 seconds but terminate if
count=1000 first=1040 curr=1018 min=1012 max=1190 avg=1039.66 std=22

Inference timings in us: Init: 17851, First inference: 2104, Warmup (avg): 1041.15
"""
NEWER = """INFO: STARTING!
INFO: count=5 first=90 curr=70 min=69 max=90 avg=74 std=8 p5=69 median=70 p95=90
INFO: count=50 first=80 curr=70 min=69 max=3000 avg=129.5 std=9 p5=69 median=71 p95=75
INFO: Inference timings in us: Init: 10, First inference: 90, Warmup (avg): 74
"""
# Same flags and text as the real one; LiteRT really runs, on this machine.
STAND_IN = """#!{python}
import sys, time
from ai_edge_litert.interpreter import Interpreter
flags = dict(word[2:].split("=", 1) for word in sys.argv[1:])
model = Interpreter(flags["graph"])
model.allocate_tensors()
print("STARTING! (a stand-in for benchmark_model)")
for count in (int(flags["warmup_runs"]), int(flags["num_runs"])):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        model.invoke()
        times.append(1e6 * (time.perf_counter() - start))
    print(f"count={{count}} first={{times[0]:.0f}} min={{min(times):.0f}} "
          f"avg={{sum(times) / count:.2f}} std=1")
"""


@pytest.mark.parametrize(
    ("said", "ms"),
    [
        (OLDER, 1.03966),
        (NEWER, 0.071),
        ("count=9 curr=3(all same)\ncount=50 curr=4(all same)\n", 0.004),
        ("count=1 curr=3\ncount=1 curr=5\n", 0.005),
    ],
)
def test_both_styles_of_output_are_read(said, ms):
    assert parse_benchmark(said).runs_ms == (pytest.approx(ms),)


@pytest.mark.parametrize(
    ("line", "megabytes"),
    [
        ("Peak memory footprint (MB): init=0 overall=12.5", 12.5),
        (
            "Memory footprint delta from the start of the tool (MB): "
            "init=1.5 overall=2.75",
            2.75,
        ),
        ("Overall peak memory footprint (MB) via periodic monitoring: 8.25", 8.25),
    ],
)
def test_peak_memory_is_read_in_all_its_styles(line, megabytes):
    assert parse_benchmark(OLDER + line).peak_memory_bytes == megabytes * 2**20
    assert parse_benchmark(OLDER).peak_memory_bytes is None


def test_output_without_runs_is_an_error_with_its_last_line():
    with pytest.raises(TargetError, match="timed nothing: Failed to load model"):
        parse_benchmark("STARTING!\nFailed to load model x.tflite\n")


@pytest.fixture(scope="module")
def phone(tmp_path_factory):
    """A stand-in phone, known to a real adb server of the test's own."""
    folder = tmp_path_factory.mktemp("phone")
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch:
        free.bind(("127.0.0.1", 0))
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(free.getsockname()[1]))
        patch.setenv("HOME", str(folder))  # adb makes a key there
        free.close()
        here = Phone(folder)
        here.address = f"adb:127.0.0.1:{here.port}"
        connect = ["adb", "connect", here.address.removeprefix("adb:")]
        subprocess.run(connect, check=True, capture_output=True)
        yield here
        subprocess.run(["adb", "kill-server"], check=True, capture_output=True)


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    path = tmp_path_factory.mktemp("stand-in") / "stand_in_benchmark_model"
    path.write_text(STAND_IN.format(python=sys.executable))
    return path


@pytest.fixture(scope="module")
def model():
    return site_model(Site("max_pool_3x3", 8, 8, 4, 4))


def benchmarked(phone):
    """The last command that ran the binary."""
    return [command for command in phone.commands if "--graph" in command][-1]


@needs_adb
def test_models_are_timed_through_a_real_adb(phone, binary, model):
    options = {"benchmark_binary": str(binary)}
    device = get_target(phone.address, options=options)
    timed = [*device.measure([model, model], runs=3, warmup=2)]

    assert device.device["phone"] == "Stand-in phone"
    assert device.conditions == {
        "usb_powered": "true",
        "battery_decicelsius": "312",
        "statistic": "mean of each round, as the binary tells it",
    }
    assert len(timed) == 2
    assert all(one.median_ms > 0 for one in timed)
    assert "--num_runs=3 --warmup_min_secs=0.2 --min_secs=0" in benchmarked(phone)


@needs_adb
def test_cores_are_pinned_and_hostile_folders_stay_words(phone, binary, model):
    folder = "/data/local/a b; touch pwned; $(touch pwned)"
    options = {
        "benchmark_binary": str(binary),
        "remote_folder": folder,
        "taskset": "3",
    }
    device = get_target(phone.address, options=options)
    (timed,) = device.measure([model], runs=1, warmup=1)

    assert timed.median_ms > 0
    assert benchmarked(phone).startswith("taskset 3 '/data/local/a b; touch pwned")
    assert not Path("pwned").exists()
    assert not [*phone.folder.rglob("pwned")]


@needs_adb
def test_a_model_that_the_phone_cannot_run_does_not_end_the_others(
    phone, binary, model, capsys
):
    device = get_target(phone.address, options={"benchmark_binary": str(binary)})
    bad, good = device.measure([b"no model", model], runs=1, warmup=1)

    assert bad == REFUSED
    assert good.median_ms > 0
    assert "Warning: adb:127.0.0.1" in capsys.readouterr().err


@needs_adb
def test_a_phone_that_is_lost_is_one_line(phone, binary, model):
    device = get_target(phone.address, options={"benchmark_binary": str(binary)})
    timed = device.measure([model] * 4, runs=1, warmup=1)
    next(timed)
    phone.dies_after = len(phone.commands)
    with pytest.raises(TargetError, match="gave no answer: is it still there"):
        next(timed)
    phone.dies_after = None


@needs_adb
@pytest.mark.parametrize("serial", ["-s", "a b", "x;y", "", "$(x)"])
def test_what_is_no_serial_never_reaches_adb(serial):
    with pytest.raises(TargetError, match="is no serial: see `adb devices`"):
        get_target(f"adb:{serial}")


@needs_adb
def test_a_mask_is_hexadecimal():
    with pytest.raises(TargetError, match="write a hexadecimal mask, as f0"):
        get_target("adb:x", options={"taskset": "f0; reboot"})


def test_without_a_binary_the_line_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    with pytest.raises(TargetError, match=r"litert-cli/binaries/\*/benchmark_model"):
        find_binary("", "arm64-v8a")

    kept = tmp_path / ".cache/litert-cli/binaries/arm64-v8a/benchmark_model"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert find_binary("", "arm64-v8a") == kept


def test_without_adb_the_line_says_where_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)

    with pytest.raises(TargetError, match="apt-get install adb"):
        get_target("adb:serial")
