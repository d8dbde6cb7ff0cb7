import shlex
import subprocess
import sys
from shutil import copyfile

import pytest
from commands import exported_folder, run

from tfnas.cli.main import main
from tfnas.errors import RunError


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("profile --target cup", "Unknown target 'cup'. Did you mean 'cpu'"),
        ("profile --space no.toml", "Cannot read the space no.toml"),
        ("profile --input 28x28", "--input 28x28: write height x width x channels"),
        (
            "profile --space space.toml --output table.json",
            "table.json exists. Add --overwrite",
        ),
        ("search --data mnits", "No dataset, folder or .npz file 'mnits'. Did you"),
        ("search --table space.toml", "space.toml is no latency table"),
        ("search --config space.toml", "Unknown setting 'input_shape'"),
        ("search --resume --epochs 3", "leave out epochs"),
        ("search --resume --table table.json", "leave out table"),
        ("search --table table.json --data d.npz --run ../x", "No dataset, folder"),
        ("search --epochs 0", "epochs must be from 1, got 0"),
        ("search --resume --run sceond", "No run 'sceond' in runs. Known: first"),
        ("derive --budget 0.3,0.5", "has 2 shares, but the space prices 3"),
        ("derive --budget 0.5,0.5,0.5", "sums to 1.5, but must sum to 1"),
        ("derive --budget nan,0.5,0.5", "must be a number from 0 to 1"),
        (
            "derive --budget 0.3,0.5,0.2 --strength 101",
            "--strength 101: take one of the 0.01 to 100 that",
        ),
        ("derive --strength 2", "--strength goes with --budget"),
        ("export --max-latency 1s --strength 2", "--strength goes with --budget"),
        ("derive --budget sep_conv=0.2", "unknown op 'sep_conv'. Did you mean"),
        ("export --budget 0.3,0.5,0.2", "card.json exists. Add --overwrite"),
        ("export", "Say what to take: --budget, or a limit such as --max-latency"),
        ("derive --max-latency 2", "'2' has no unit; write one of: us, ms, s"),
        ("export --budget 0.3,0.5,0.2 --quantize int4", "is not one of 'auto', 'int8'"),
        ("export --max-latency 1s --quantize float32", "A limit in time is on int8"),
        ("validate runs --max-accuracy-drop x", "not a valid float. See "),
        ("profle", "No such command 'profle'"),
        ("search --epoch 3", "No such option"),
        ("derive --max-size 2ms", "has unit 'ms'; write one of: none, B, kB"),
        ("derive --budget 0.3,0.5,0.2 --max-params 5", "parameters, allowed are 5"),
        ("tables table.json --merge both.json", "or two to compare or merge"),
        ("family --run none", "No run 'none' in runs"),
        ("export --budget 0.3,0.5,0.2 --data mnits", "No dataset, folder or .npz"),
    ],
)
def test_a_users_error_is_one_line_with_exit_code_2(inside, command, message):
    result = run(*shlex.split(command))

    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line


def test_debug_shows_the_traceback():
    command = ("derive", "--budget", "1", "--run", "none")

    assert isinstance(run("--debug", *command).exception, RunError)
    assert isinstance(run(*command).exception, SystemExit)


def test_an_interruption_says_that_what_is_done_is_kept(monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfnas.targets.registry.get_target", interrupt)
    result = run("profile")

    assert result.exit_code == 130
    assert "repeat the command to go on, a search with --resume" in result.stderr


@pytest.mark.parametrize("command", main.commands.values(), ids=lambda c: c.name)
def test_every_command_and_option_has_help(command):
    assert command.help
    assert all(p.help for p in command.params if p.param_type_name == "option")


LOADED = """
import sys
from tfnas.cli.main import main
main(sys.argv[1:], standalone_mode=False)
print(*sys.modules)
"""


def loaded_by(command):
    """The modules that are loaded once a command is done in a process of its own."""
    code = [sys.executable, "-c", LOADED, *command.split()]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    return {*done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("command", ["--help", "search --help"])
def test_help_loads_neither_tensorflow_nor_numpy(command):
    loaded = loaded_by(command)

    assert "tfnas.cli.search" in loaded
    assert not {"tensorflow", "keras", "numpy"} & loaded


@pytest.mark.parametrize(
    "command",
    [
        "targets",
        "tables",
        "tables table.json",
        "tables table.json table.json",
        "show model.tflite",
    ],
)
def test_what_only_looks_at_files_loads_no_tensorflow(inside, command):
    copyfile(exported_folder(inside) / "model_int8.tflite", "model.tflite")
    loaded = loaded_by(command)

    assert f"tfnas.cli.{command.split()[0].replace('show', 'inspect')}" in loaded
    assert not {"tensorflow", "keras"} & loaded


def test_a_command_keeps_tensorflows_notices_off_the_screen(inside):
    command = [
        sys.executable,
        "-m",
        "tfnas.cli.main",
        "derive",
        "--budget",
        "0.3,0.5,0.2",
    ]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0
    assert done.stderr == ""
