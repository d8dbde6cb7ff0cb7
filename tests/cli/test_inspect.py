import json
import shutil

import pytest
from commands import exported_folder, run, succeed

from tfnas.deploy.check import check


def test_an_exported_member_passes_when_it_is_checked_again(inside):
    folder = exported_folder(inside)
    gates = ("--max-accuracy-drop", 100, "--require-full-int8")
    card = json.loads(succeed("validate", folder, *gates, "--json"))

    assert card["differs"] == {}
    assert card["measured_latency_ms"] > 0
    assert "All is as the card says." in succeed("validate", folder)


def test_a_file_that_was_changed_is_told_and_a_gate_is_code_3(inside, tmp_path):
    folder = tmp_path / "member"
    shutil.copytree(exported_folder(inside), folder)
    card = json.loads((folder / "card.json").read_text())
    card["size_bytes"] += 1
    (folder / "card.json").write_text(json.dumps(card))

    result = run("validate", folder, "--max-latency-error", "0")

    assert result.exit_code == 3
    assert f"size_bytes: the card says {card['size_bytes']}, now" in result.stdout
    assert "% off, not 0 %" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("flag", "told"), [("unstable", False), ("cpu_fallback", True)]
)
def test_a_busy_moment_is_no_change_of_an_export_but_a_fallback_is(
    inside, monkeypatch, flag, told
):
    def checked(*args):
        seen, compiled = check(*args)
        return {**seen, "latency_flags": [flag]}, compiled

    monkeypatch.setattr("tfnas.deploy.check.check", checked)
    result = run("validate", exported_folder(inside), "--json")

    assert ("latency_flags" in json.loads(result.stdout)["differs"]) == told


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no model at all", "broken.tflite: It is no .tflite model"), (None, "Cannot")],
)
def test_a_file_that_is_no_model_is_one_line(inside, tmp_path, content, message):
    file = tmp_path / "broken.tflite"
    if content is not None:
        file.write_bytes(content)

    for command in ("benchmark", "show"):
        result = run(command, file)
        assert result.exit_code == 2
        assert message in result.stderr


def test_a_model_says_what_it_is(inside):
    file = exported_folder(inside) / "model_int8.tflite"
    facts = json.loads(succeed("show", file, "--json"))["facts"]

    assert facts["labels"] == ["0", "1", "2"]
    assert facts["architecture"]["ops"] == inside[3][0]["architecture"]
    text = succeed("show", file)
    assert "Labels: '0', '1', '2'" in text
    assert "pixels 0 to 255, divided by 255" in text
