import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from click.testing import CliRunner
from stand_ins import TINY, stand_in_table

from tfnas.cli.main import main
from tfnas.deploy.check import check
from tfnas.deploy.quantize import missing_for_qat
from tfnas.errors import RunError
from tfnas.latency import profile as profiling
from tfnas.latency.table import LatencyTable
from tfnas.search.run import Run
from tfnas.search.settings import SearchConfig
from tfnas.targets.cpu import Cpu

SPACE = "input_shape = [8, 8, 1]\nnum_classes = 3\nnodes = 1\nchannels = 4\n"


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def succeed(*args):
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def work(tmp_path_factory, tiny_npz):
    """A folder where the main job was done once, as a user does it, on a tiny task."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(Cpu, "rounds", 1)
        (folder / "space.toml").write_text(SPACE)
        table = ["--output", "table.json", "--runs", 5, "--warmup", 1, "--threads", 1]
        profiled = succeed(
            *("profile", "--target", "cpu", "--space", "space.toml", "--json"), *table
        )
        searched = succeed(
            *("search", "--data", tiny_npz, "--table", "table.json", "--epochs", 1),
            *("--batch-size", 32, "--run", "first", "--seed", 1, "--json"),
            *("--mode", "sampled", "--hypernetwork", "mlp", "--sampler", "dirichlet"),
            *("--order", 2, "--precision", "float32", "--patience", 3),
            *("--strategy", "single", "--keep", 2),
        )
        exported = succeed(
            *("export", "--budget", "0.3,0.5,0.2", "--epochs", 2, "--batch-size", 16),
            *("--seed", 1, "--json"),
        )
        yield folder, *(json.loads(text) for text in (profiled, searched, exported))


@pytest.fixture
def inside(work, monkeypatch):
    monkeypatch.chdir(work[0])
    return work


def test_a_profile_prints_one_document_about_its_table(work):
    profiled = work[1]

    assert profiled["table"] == "table.json"
    assert profiled["calibration_networks"] == profiled["heldout_networks"] == 12
    assert -1 <= profiled["heldout_spearman"] <= 1


def test_a_search_leaves_a_whole_run(work):
    folder, _, searched, _ = work

    assert searched["run"] == "runs/first"
    assert searched["epochs"] == 1
    names = {path.name for path in (folder / "runs" / "first").iterdir()}
    weights = {"checkpoint-0001-000000", "supernet", "hypernetwork"}
    assert {f"{name}.weights.h5" for name in weights} <= names
    assert {"run.toml", "table.json", "state.json", "history.csv"} <= names


def test_an_export_is_measured_on_this_machine(work):
    folder, _, _, (card,) = work

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
    assert members[0]["architecture"] == inside[3][0]["architecture"]
    assert "dear, so used less: sep_conv_3x3 x2.4" in succeed("derive", *budgets)


def test_a_finished_search_resumes_to_itself(inside):
    before = (inside[0] / "runs/first/history.csv").read_text()

    succeed("search", "--resume", "--run", "first")

    assert (inside[0] / "runs/first/history.csv").read_text() == before


def test_a_search_that_cannot_begin_leaves_the_run_it_would_replace(inside, tiny_npz):
    again = ("search", "--table", "table.json", "--run", "first", "--overwrite")
    before = (inside[0] / "runs/first/history.csv").read_text()

    for wrong in (
        ("--data", "missing.npz"),
        ("--data", tiny_npz, "--batch-size", 100000),
    ):
        assert run(*again, *wrong).exit_code == 2
    assert (inside[0] / "runs/first/history.csv").read_text() == before


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
        ("derive --budget 0.3,0.5", "has 2 shares, but the space has 3 ops"),
        ("derive --budget 0.5,0.5,0.5", "sums to 1.5, but must sum to 1"),
        ("derive --budget nan,0.5,0.5", "must be a number from 0 to 1"),
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


def test_a_run_that_exists_is_not_searched_over(inside, tiny_npz):
    again = ("search", "--data", tiny_npz, "--table", "table.json", "--run", "first")

    result = run(*again)

    assert result.exit_code == 2
    assert "Add --resume to go on with it, --overwrite to replace it" in result.stderr


def test_an_export_of_the_same_settings_is_not_made_again(inside):
    same = ("--epochs", 2, "--batch-size", 16, "--seed", 1, "--json")

    (card,) = json.loads(succeed("export", "--budget", "0.3,0.5,0.2", *same))

    assert card == inside[3][0]


def test_an_export_from_scratch_replaces_another_when_told(inside):
    others = ("--epochs", 1, "--from-scratch", "--overwrite", "--json")

    (card,) = json.loads(succeed("export", "--budget", "sep_conv_3x3=0.2", *others))

    assert card["from_scratch"]
    assert card["budget"]["sep_conv_3x3"] == pytest.approx(0.2)


def test_a_profile_takes_images_and_classes_and_replaces_when_told(inside, monkeypatch):
    monkeypatch.setattr(profiling, "FIT_NETWORKS", 2)
    monkeypatch.setattr(profiling, "HELDOUT_NETWORKS", 2)
    Path("old.json").write_text("an older table")
    shape = ("--space", "space.toml", "--input", "9x8x2", "--classes", 4)

    succeed("profile", *shape, "--output", "old.json", "--overwrite")

    table = LatencyTable.load(Path("old.json"))
    assert (table.space.input_shape, table.space.num_classes) == ((9, 8, 2), 4)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_search_profiles_this_machine_first_where_no_table_fits(
    inside, tiny_npz, monkeypatch, replaced
):
    profiled = []

    def profiled_before(space, device, *, overwrite):
        profiled.append((device.name, overwrite))
        return LatencyTable.load(Path("table.json")), Path("table.json")

    monkeypatch.setattr("tfnas.workflow.profile_to_file", profiled_before)
    arguments = ("--data", tiny_npz, "--epochs", 1, "--batch-size", 64)
    arguments += ("--overwrite",) if replaced else ()
    name = f"unpriced-{replaced}"
    result = run("search", *arguments, "--space", "space.toml", "--run", name)

    assert result.exit_code == 0, result.output
    assert profiled == [("cpu", replaced)]
    assert "profiling the host first" in result.stderr


def test_an_edge_tpu_that_is_missing_ends_with_code_2(inside):
    from tfnas.targets.edgetpu.edgetpu import EdgeTpu

    if not EdgeTpu.missing("edgetpu"):
        pytest.skip("this machine has the Edge TPU compiler and library")
    result = run("profile", "--target", "edgetpu")

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Target edgetpu is not usable here: ")
    assert result.stderr.count("\n") == 1


def test_an_unfinished_run_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Run(tmp_path / "runs" / "new").create(SearchConfig(), stand_in_table(TINY))

    result = run("derive", "--budget", "0.3,0.5,0.2")

    assert result.exit_code == 2
    assert "Go on with `tfnas search --resume`" in result.stderr


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


def test_help_imports_neither_tensorflow_nor_numpy():
    code = (
        "import sys, tfnas.cli; "
        "print([m for m in ('tensorflow', 'keras', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout == "[]\n"


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


def test_a_family_is_swept_scored_and_kept(inside):
    few = ("--points", 60, "--members", 3, "--overwrite", "--json")
    found = json.loads(succeed("family", "--run", "first", *few))

    assert found["points"] == 60 and 1 <= found["scored"] <= 3
    assert found["ranges"]["params"]["min"] <= found["front"][0]["params"]
    assert all(0 <= row["score"] <= 1 for row in found["front"])
    assert all(row["size_bytes"] > 0 for row in found["front"])
    rows = json.loads(Path(found["family"]).read_text())["members"]
    assert len(rows) == found["members"]
    assert "none beats these in time and score on cpu" in succeed("family")
    other = run("family", "--points", 70)
    assert "family.json exists. Add --overwrite" in other.stderr


def test_a_limit_gives_a_member_that_keeps_it_and_its_folder_its_name(inside):
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


def test_a_limit_that_none_can_keep_says_what_the_fastest_needs(inside):
    result = run("derive", "--max-latency", "1us")

    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith(
        "Error: No network keeps latency_ms 0.001. The fastest needs"
    )


def test_budgets_and_limits_combine(inside):
    asked = ("--budget", "0.3,0.5,0.2", "--max-latency", "1s", "--max-latency", "2s")
    found = json.loads(succeed("derive", *asked, "--json"))

    assert [member["limits"]["latency_ms"] for member in found] == [1000, 2000]
    assert {member["repaired_choices"] for member in found} == {0}


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


def test_before_any_search_a_family_is_what_its_space_costs(inside, tmp_path):
    table = Path("table.json").resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        text = succeed("family", "--table", table)

    assert text.startswith("Networks of this space take ")


def exported_folder(inside):
    return Path(inside[3][0]["folder"])


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
    asked = ("--budget", "0.1,0.1,0.8", "--epochs", 0, "--quantize", "float16")
    (card,) = json.loads(succeed("export", *asked, "--json"))

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


def test_any_models_are_set_side_by_side(inside, tiny_npz):
    file = exported_folder(inside) / "model_int8.tflite"
    quick = ("--data", tiny_npz, "--runs", 3, "--warmup", 1, "--json")
    rows = json.loads(succeed("benchmark", file, file, *quick))

    # the same file is one row; a copy is another
    assert [row["model"] for row in rows] == [str(file)]
    card = json.loads((file.parent / "card.json").read_text())
    assert rows[0]["accuracy"] == card["int8_accuracy"]
    assert 0 < rows[0]["median_ms"] <= rows[0]["p90_ms"]
    assert (rows[0]["accelerator_ops"], rows[0]["kind"]) == (0, "measured")
    text = succeed("benchmark", file, "--runs", 3, "--target", "cpu")
    assert text.splitlines()[-1].endswith(str(file))


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


def test_tables_of_one_device_are_merged(inside):
    table = json.loads(Path("table.json").read_text())
    table["date"] = "2030-01-01"
    Path("later.json").write_text(json.dumps(table))

    pair = ("tables", "table.json", "later.json", "--merge", "both.json")
    assert json.loads(succeed(*pair, "--json"))["date"] == "2030-01-01"
    assert run(*pair).exit_code == 2


def test_tables_are_listed_shown_and_compared(inside):
    assert json.loads(succeed("tables", "--json")) == {}
    assert json.loads(succeed("tables", "table.json", "--json"))["target"] == "cpu"
    compared = json.loads(succeed("tables", "table.json", "table.json", "--json"))
    assert set(compared["sites"].values()) == {1.0}
    assert run("tables", *["table.json"] * 3).exit_code == 2


def test_targets_say_what_is_missing(inside):
    facts = {fact["address"]: fact for fact in json.loads(succeed("targets", "--json"))}

    assert facts["cpu"]["usable"]
    assert "Options: --threads, --system-config" in succeed("targets", "ethos-u55-128")
