from pathlib import Path

import pytest
from commands import run, succeed

from tfnas.latency.table_file import read_table
from tfnas.search.run import Run


def test_a_search_leaves_a_whole_run(main_job):
    folder, _, searched, _ = main_job

    assert searched["run"] == "runs/first"
    assert searched["epochs"] == 1
    names = {path.name for path in (folder / "runs" / "first").iterdir()}
    weights = {"checkpoint-0001-000000", "supernet", "hypernetwork"}
    assert {f"{name}.weights.h5" for name in weights} <= names
    assert {"run.toml", "table.json", "state.json", "history.csv"} <= names


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
        ("--data", tiny_npz, "--sampler", "fixed", "--focus", "0.5,0.4"),
    ):
        assert run(*again, *wrong).exit_code == 2
    assert (inside[0] / "runs/first/history.csv").read_text() == before


def test_a_run_that_exists_is_not_searched_over(inside, tiny_npz):
    again = ("search", "--data", tiny_npz, "--table", "table.json", "--run", "first")

    result = run(*again)

    assert result.exit_code == 2
    assert "Add --resume to go on with it, --overwrite to replace it" in result.stderr


@pytest.mark.parametrize("replaced", [False, True])
def test_a_search_profiles_this_machine_first_where_no_table_fits(
    inside, tiny_npz, monkeypatch, replaced
):
    profiled = []

    def profiled_before(space, device, *, overwrite):
        profiled.append((device.name, overwrite))
        return read_table(Path("table.json")), Path("table.json")

    monkeypatch.setattr("tfnas.workflow.profile_to_file", profiled_before)
    arguments = ("--data", tiny_npz, "--epochs", 1, "--batch-size", 64)
    arguments += ("--sampler", "fixed", "--focus", "0.5,0.3,0.2")
    arguments += ("--overwrite",) if replaced else ()
    name = f"unpriced-{replaced}"
    result = run("search", *arguments, "--space", "space.toml", "--run", name)

    assert result.exit_code == 0, result.output
    assert profiled == [("cpu", replaced)]
    assert "profiling the host first" in result.stderr
    config = Run(Path("runs") / name).load_config()
    assert (config.sampler, config.focus) == ("fixed", "0.5,0.3,0.2")
