"""The op and the space of docs/extending.md, from a profile to an export."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from commands import run, succeed
from stand_ins import steady_cpu

from tfnas.latency import profile as profiling
from tfnas.latency.table_file import read_table

DOCS = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
CODE = "\n\n".join(re.findall(r"```python\n# tower\.py\n(.*?)```", DOCS, re.DOTALL))
(ENTRY_POINTS,) = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "tower"
version = "1.0"

[tool.hatch.build.targets.wheel]
include = ["tower.py"]

"""


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """An empty folder, and profiles of few networks."""
    monkeypatch.chdir(tmp_path)
    steady_cpu(monkeypatch)
    monkeypatch.setattr(profiling, "FIT_NETWORKS", 3)
    monkeypatch.setattr(profiling, "HELDOUT_NETWORKS", 2)
    yield tmp_path
    sys.modules.pop("tower", None)


def installed(folder, code):
    """Build a wheel, and install it into a folder: a wheel is one by being unpacked."""
    (folder / "source").mkdir()
    (folder / "source" / "pyproject.toml").write_text(PROJECT + ENTRY_POINTS)
    (folder / "source" / "tower.py").write_text(code)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", ".."]
    subprocess.run(build, cwd=folder / "source", check=True, capture_output=True)
    (wheel,) = folder.glob("tower-1.0-*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder / "site")
    return folder / "site"


def all_the_way(space, tiny_npz):
    """Profile, search, derive and export; the cards of what was exported."""
    shape = ("--input", "8x8x1", "--classes", 3, "--runs", 2, "--warmup", 1)
    succeed("profile", "--space", space, *shape, "--output", "table.json")
    searched = ("--data", tiny_npz, "--epochs", 1, "--batch-size", 32, "--run", "r")
    known = () if ":" not in space else ("--space", "tower.json")
    succeed("search", "--table", "table.json", *known, *searched)
    price = ("--budget", "conv_1x1=0.2,conv_3x3=0.2")
    (told,) = json.loads(succeed("derive", *price, "--json"))
    (card,) = json.loads(succeed("export", *price, "--epochs", 1, "--json"))
    assert card["architecture"] == told["architecture"]
    assert [*card["architecture"]] == ["low", "high"]
    assert json.loads(succeed("validate", card["folder"], "--json"))["differs"] == {}
    return card


def test_an_installed_package_brings_an_op_and_a_space(
    workplace, tiny_npz, monkeypatch
):
    code = CODE.replace('"tower:WIDE"', '"wide"').replace(
        "class Tower(Space):", 'class Tower(Space):\n    kind = "tower"'
    )
    monkeypatch.syspath_prepend(installed(workplace, code))

    card = all_the_way("tower", tiny_npz)

    assert [*card["op_counts"]] == ["conv_1x1", "conv_3x3", "wide"]
    # a table that travels may name what is installed
    assert read_table(Path("table.json")).space.kind == "tower"


def test_a_module_in_the_current_folder_brings_them_where_the_user_names_it(
    workplace, tiny_npz
):
    Path("tower.py").write_text(CODE)
    values = {"kind": "tower:Tower", "input_shape": [8, 8, 1], "num_classes": 3}
    Path("tower.json").write_text(json.dumps(values))

    card = all_the_way("tower:Tower", tiny_npz)

    assert [*card["op_counts"]] == ["conv_1x1", "conv_3x3", "tower:WIDE"]
    # its table alone names it, and is not believed
    refused = run("search", "--table", "table.json", "--data", tiny_npz, "--run", "s")
    assert refused.exit_code == 2
    assert "tower:Tower names a module, which is not imported" in refused.stderr
