import json
from pathlib import Path

from commands import run, succeed


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
