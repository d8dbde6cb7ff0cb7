import ast
import getpass
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from tfnas.errors import TargetError
from tfnas.networks.convert import convert_int8
from tfnas.support.process import run, stream
from tfnas.targets.measurement import REFUSED, Measurement
from tfnas.targets.registry import get_target
from tfnas.targets.ssh import RUNNER, ssh_command

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None,
    reason="needs an OpenSSH server and client (apt-get install openssh-server)",
)
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/key
AuthorizedKeysFile {folder}/key.pub
PidFile {folder}/pid
PasswordAuthentication no
UsePAM no
StrictModes no
"""
CLIENT = """
Host *
IdentityFile {folder}/key
IdentitiesOnly yes
UserKnownHostsFile {folder}/known
StrictHostKeyChecking accept-new
"""


@pytest.fixture(scope="module")
def models():
    image = keras.Input((8, 8, 1))
    noise = np.zeros((2, 8, 8, 1), np.float32)
    outputs = [keras.layers.Conv2D(filters, 3)(image) for filters in (2, 4)]
    return [convert_int8(keras.Model(image, output), noise) for output in outputs]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real sshd on loopback, with a key made for it."""
    folder = tmp_path_factory.mktemp("sshd")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")],
        timeout_s=20,
    )
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
    (folder / "client").write_text(CLIENT.format(folder=folder))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # root's sshd drops privileges into it
    process = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL
    )
    # The client reads the configuration of the test, not that of who runs it.
    shim = folder / "bin" / "ssh"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/client "$@"\n')
    shim.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
        patch.setenv("TMPDIR", str(folder))
        _wait_for(port)
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}", process
    process.terminate()
    process.wait()


def _wait_for(port):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("sshd does not listen")


def board(server, folder, **options):
    return get_target(
        server[0],
        options={"python": sys.executable, "remote_folder": str(folder), **options},
    )


@needs_sshd
def test_models_are_timed_over_a_real_ssh_in_the_order_given(server, models, tmp_path):
    device = board(server, tmp_path)
    timed = [*device.measure([*models, models[0]], runs=3, warmup=1)]

    assert device.device["machine"] == platform.machine()
    assert device.device["runtime"].startswith("ai-edge-litert ")
    assert [len(one.runs_ms) for one in timed] == [3, 3, 3]
    assert all(ms > 0 for one in timed for ms in one.runs_ms)
    assert len([*tmp_path.glob("*.tflite")]) == 2


@needs_sshd
def test_hostile_names_reach_no_shell(server, models, tmp_path):
    folder = tmp_path / "a b; touch pwned; '\"$(touch pwned)"
    (timed,) = board(server, folder).measure(models[:1], runs=1, warmup=1)

    assert len(timed.runs_ms) == 1
    assert len([*folder.glob("*.tflite")]) == 1
    assert not [*tmp_path.rglob("pwned")] and not Path.home().joinpath("pwned").exists()


@needs_sshd
def test_a_model_that_the_board_cannot_run_does_not_end_the_others(
    server, models, tmp_path, capsys
):
    device = board(server, tmp_path)
    bad, good = device.measure([b"no model", models[0]], runs=1, warmup=1)

    assert bad == REFUSED
    assert good.median_ms > 0
    assert re.search(r"cannot run \w+\.tflite: ValueError: ", capsys.readouterr().err)


@needs_sshd
def test_a_delegate_that_is_not_there_ends_it_with_one_line(server, models, tmp_path):
    device_of = partial(board, server, tmp_path, delegate="libno_such.so")

    with pytest.raises(TargetError, match=r"Delegate libno_such\.so: .*cannot open"):
        next(device_of().measure(models, runs=1, warmup=1))


def test_the_edge_tpu_of_a_board_has_an_address_of_its_own():
    with pytest.raises(TargetError, match="use --target edgetpu@ssh://pi"):
        get_target("ssh://pi", options={"delegate": "libedgetpu.so.1"})


def test_the_runner_is_python_3_7():
    ast.parse(RUNNER.read_text(), feature_version=(3, 7))


@needs_sshd
def test_a_cut_link_keeps_what_came_and_the_next_call_goes_on(server, models, tmp_path):
    device = board(server, tmp_path)
    timed = device.measure(models * 50, runs=20, warmup=1)
    assert isinstance(next(timed), Measurement)

    children = run(["pgrep", "-P", str(server[1].pid)], timeout_s=10).split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    with pytest.raises(TargetError, match="ssh failed with code 255"):
        list(timed)

    assert len([*device.measure(models, runs=1, warmup=1)]) == 2


@needs_sshd
def test_a_board_without_the_python_asked_for_is_one_line(server, tmp_path):
    with pytest.raises(TargetError, match=r"ssh failed with code 127: .*no-python"):
        board(server, tmp_path, python="no-python")


def test_without_ssh_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(TargetError, match="install an OpenSSH client"):
        get_target("ssh://board")


@pytest.mark.parametrize(
    "address",
    [
        "ssh://",
        "ssh://-oProxyCommand=touch",
        "ssh://-l@host",
        "ssh://board;touch",
        "ssh://a b",
        "ssh://board:22x",
        "ssh://board/folder",
        "ssh://board\n",
    ],
)
def test_what_is_no_address_never_reaches_ssh(address):
    with pytest.raises(TargetError, match="is no address: write ssh://user@host:port"):
        ssh_command(address)


def test_an_address_becomes_options_of_ssh():
    assert ssh_command("ssh://pi@kitchen:2222")[-6:] == [
        *("-l", "pi", "-p", "2222", "--", "kitchen")
    ]
    assert ssh_command("ssh://[::1]")[-1] == "::1"


def test_lines_come_before_the_error_that_ends_a_program():
    code = "import sys; print('first', flush=True); sys.exit('lost')"
    lines = stream([sys.executable, "-c", code], silence_s=20)

    assert next(lines) == "first"
    with pytest.raises(TargetError, match="failed with code 1: lost"):
        next(lines)


def test_a_program_that_falls_silent_is_ended():
    code = "import time; print('first', flush=True); time.sleep(60)"
    lines = stream([sys.executable, "-c", code], silence_s=1.5)

    assert next(lines) == "first"
    with pytest.raises(TargetError, match=r"said nothing for 1\.5 s"):
        next(lines)
