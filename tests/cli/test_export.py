import json
from pathlib import Path

import keras
import pytest
from commands import run, succeed
from stand_ins import TINY, stand_in_table

from tfnas.deploy.quantize import missing_for_qat
from tfnas.search.run import Run
from tfnas.search.settings import SearchConfig


def test_an_export_is_measured_on_this_machine(main_job):
    folder, _, _, (card,) = main_job

    assert card["measured_latency_ms"] > 0
    assert card["searched_for"]["target"] == "cpu"
    assert (folder / card["folder"] / "model_int8.tflite").exists()
    model = keras.models.load_model(folder / card["folder"] / "model.keras")
    assert model.output_shape == (None, 3)


def test_derive_shows_members_without_training(inside):
    budgets = ("--budget", "0.3,0.5,0.2", "--budget", "sep_conv_3x3=0.8")
    members = json.loads(succeed("derive", "--run", "first", *budgets, "--json"))

    assert [list(member["budget"].values()) for member in members] == [
        pytest.approx([0.3, 0.5, 0.2]),
        pytest.approx([0.1, 0.1, 0.8]),
    ]
    assert [member["strength"] for member in members] == [1, 1]
    assert members[0]["architecture"] == inside[3][0]["architecture"]
    assert "dear, so used less: sep_conv_3x3 x2.4" in succeed("derive", *budgets)


def test_a_strength_is_that_of_every_budget(inside):
    asked = ("--budget", "0.3,0.5,0.2", "--budget", "0.2,0.2,0.6", "--strength", 2.5)
    members = json.loads(succeed("derive", *asked, "--json"))

    assert [member["strength"] for member in members] == [2.5, 2.5]
    first, _, second, _ = succeed("derive", *asked).splitlines()
    assert first.startswith("0.3,0.5,0.2 at strength 2.5: ")
    assert second.startswith("0.2,0.2,0.6 at strength 2.5: ")


def test_no_data_are_read_where_nothing_is_scored(inside, monkeypatch):
    monkeypatch.setattr("tfnas.family.selector.load_source", None)

    succeed("derive", "--budget", "0.3,0.5,0.2", "--max-latency", "1s")


def test_an_export_of_the_same_settings_is_not_made_again(inside):
    same = ("--epochs", 2, "--batch-size", 16, "--seed", 1, "--json")

    (card,) = json.loads(succeed("export", "--budget", "0.3,0.5,0.2", *same))

    assert card == inside[3][0]


def test_an_export_from_scratch_replaces_another_when_told(inside):
    others = ("--epochs", 1, "--from-scratch", "--overwrite", "--json")

    (card,) = json.loads(succeed("export", "--budget", "sep_conv_3x3=0.2", *others))

    assert card["from_scratch"]
    assert card["budget"]["sep_conv_3x3"] == pytest.approx(0.2)


def test_an_unfinished_run_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Run(tmp_path / "runs" / "new").create(SearchConfig(), stand_in_table(TINY))

    result = run("derive", "--budget", "0.3,0.5,0.2")

    assert result.exit_code == 2
    assert "Go on with `tfnas search --resume`" in result.stderr


def test_a_limit_gives_a_member_that_keeps_it_and_its_folder_its_name(inside, swept):
    asked = ("--max-latency", "1s", "--max-params", "50k", "--max-size", "1MiB")
    (card,) = json.loads(succeed("export", *asked, "--epochs", 0, "--json"))

    assert card["limits"] == {"latency_ms": 1000, "params": 50000, "size_bytes": 2**20}
    name = "max-latency-ms-1000-max-params-50000-max-size-bytes-1.04858e+06"
    assert Path(card["folder"]).name == name
    assert card["params"] <= 50_000
    assert (
        "| Limits | latency_ms 1,000, "
        in (Path(card["folder"]) / "card.md").read_text()
    )


def test_a_limit_that_none_can_keep_says_what_the_fastest_needs(inside, swept):
    result = run("derive", "--max-latency", "1us")

    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith(
        "Error: No network keeps latency_ms 0.001. The fastest needs"
    )


def test_a_budget_whose_network_is_too_large_is_refused_before_any_training(inside):
    result = run("derive", "--budget", "0.3,0.5,0.2", "--max-size", "1KiB")

    assert result.exit_code == 2
    assert "bytes of flash, allowed are 1,024" in result.stderr.splitlines()[-1]


def test_budgets_and_limits_combine(inside):
    asked = ("--budget", "0.3,0.5,0.2", "--max-latency", "1s", "--max-latency", "2s")
    found = json.loads(succeed("derive", *asked, "--json"))

    assert [member["limits"]["latency_ms"] for member in found] == [1000, 2000]
    assert {member["changed_choices"] for member in found} == {0}


def test_a_family_is_priced_anew_for_another_device(inside):
    table = json.loads(Path("table.json").read_text())
    table["target"], table["device"]["cpu"] = "ssh://other", "another one"
    for row in table["rows"]:
        row["median_ms"] *= 10
    Path("other.json").write_text(json.dumps(table))

    asked = ("derive", "--budget", "0.3,0.5,0.2", "--json")
    ((here,), (there,)) = (
        json.loads(succeed(*asked, *more)) for more in ((), ("--table", "other.json"))
    )
    assert there["architecture"] == here["architecture"]
    assert there["predicted_latency_ms"] > here["predicted_latency_ms"]
    assert (there["target"], there["searched_for"]["target"]) == ("ssh://other", "cpu")


def test_an_export_that_does_not_pass_a_gate_is_code_3_and_is_kept(inside):
    asked = ("--run", "first", "--budget", "0.4,0.3,0.3", "--epochs", 0)
    gate = ("--max-latency-error", "0")

    for _ in range(2):  # exported before, it does not pass any better
        result = run("export", *asked, *gate)
        assert result.exit_code == 3
        assert result.stdout.startswith("The network for ")
        (line,) = [s for s in result.stderr.splitlines() if s.startswith("Error: ")]
        assert "runs/first/export/budget-0.4-0.3-0.3: its latency is" in line


def test_a_float_member_is_exported_beside(inside):
    asked = ("--budget", "0.1,0.1,0.8", "--strength", 2, "--epochs", 0)
    asked += ("--quantize", "float16")
    (card,) = json.loads(succeed("export", *asked, "--json"))

    assert Path(card["folder"]).name == "budget-0.1-0.1-0.8-strength-2"
    assert card["strength"] == 2

    assert card["precision"] == "float16" and card["int8_accuracy"] is None
    assert card["tflite_accuracy"] == card["float_accuracy"]
    assert (Path(card["folder"]) / "model_float16.tflite").exists()
    result = run("export", *asked, "--require-full-int8")
    assert "it is float16, not int8" in result.stderr


@pytest.mark.skipif(
    bool(missing_for_qat()), reason="QAT is an optional extra: tfnas[qat]"
)
def test_a_member_is_trained_with_int8_in_the_loop(inside):
    asked = ("--run", "first", "--budget", "0.2,0.1,0.7", "--epochs", 1)
    (card,) = json.loads(succeed("export", *asked, "--qat", "--json"))

    assert (card["precision"], card["quantization"]) == ("int8", "quantization-aware")
    assert card["measured_latency_ms"] > 0
    both = run("export", *asked, "--qat", "--quantize", "int8")
    assert both.stderr == "Error: --qat is int8: leave out --quantize\n"
