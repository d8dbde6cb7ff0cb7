import json
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "tools" / "house.py"
PYPROJECT = """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["tfnas.cli", "tfnas.search | tfnas.deploy", "tfnas.support"]
"""
TREE = {
    "pyproject.toml": PYPROJECT,
    "tfnas/__init__.py": "",
    "tfnas/cli/main.py": "import tfnas.search.stage",
    "tfnas/deploy/export.py": "import tfnas.support.files",
    "tfnas/search/__init__.py": "",
    "tfnas/search/stage.py": "from tfnas.support import files",
    "tfnas/search/run.py": "",
    "tfnas/support/files.py": "import json",
}
TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
IMPORT = "import tfnas.search.stage"
FITS = "def fits():\n    '''Say.\n\n    More.\n    '''\n" + 40 * "    x = 1\n"
LONG = "class Long:\n    def f():\n" + 41 * "        x = 1\n"
OTHERS = [f"tfnas/support/other{number}.py" for number in range(14)]


def house(*arguments):
    command = [sys.executable, HOUSE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def broken(root, **files):
    """What the house of a made-up tree breaks, and where."""
    for name, text in {**TREE, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    done = house(root, "--json")
    figures = json.loads(done.stdout)
    found = {f["what"]: f["where"] for f in figures if f["value"] > f["bound"]}
    assert done.returncode == bool(found)
    return found


def test_the_house_keeps_its_bounds():
    done = house()

    assert done.returncode == 0, done.stdout


def test_a_small_tree_breaks_nothing(tmp_path):
    assert broken(tmp_path) == {}


def test_the_thirteenth_module_of_a_folder_is_noticed(tmp_path):
    many = dict.fromkeys(OTHERS[:12], "")

    assert broken(tmp_path, **many) == {"modules in one folder": ["tfnas/support (13)"]}


@pytest.mark.parametrize("where", ["", "def f():\n    "])
def test_the_fourteenth_import_of_a_module_is_noticed_once(tmp_path, where):
    modules = [f"tfnas.room{number}.one" for number in range(14)]
    files = dict.fromkeys([f"{m.replace('.', '/')}.py" for m in modules], "")
    names = ", ".join(modules[1:] + modules[:1])
    imports = {"tfnas/main.py": f"import {modules[0]}\n{where}import {names}"}

    assert broken(tmp_path, **files, **imports) == {
        "own imports of one module": ["tfnas.main (14)"]
    }


def test_a_tenth_layer_is_noticed(tmp_path):
    layers = "".join(f'"tfnas.room{number}", ' for number in range(7))
    more = PYPROJECT.replace("layers = [", f"layers = [{layers}")

    assert [*broken(tmp_path, **{"pyproject.toml": more})] == [
        "layers of the import contract"
    ]


@pytest.mark.parametrize(
    "importer", ["tfnas.support.files", "tfnas.deploy.export"], ids=["above", "beside"]
)
def test_an_import_against_the_layers_is_noticed(tmp_path, importer):
    path = f"{importer.replace('.', '/')}.py"
    found = broken(tmp_path, **{path: f"def f():\n    {IMPORT}"})

    arrow = f"{importer} -> tfnas.search.stage"
    assert found["imports against the layers"] == [arrow]


def test_a_circle_of_packages_is_noticed_once(tmp_path):
    found = broken(tmp_path, **{"tfnas/support/files.py": "import tfnas.search.run"})

    (circle,) = found["circles of packages"]
    assert sorted({*circle.split(" -> ")}) == ["tfnas.search", "tfnas.support"]
    assert "circles of modules" not in found


def test_a_circle_of_modules_is_noticed_within_a_package(tmp_path):
    files = {
        "tfnas/search/run.py": IMPORT,
        "tfnas/search/stage.py": "from tfnas.search import run",
    }

    assert [*broken(tmp_path, **files)] == ["circles of modules"]


def test_an_import_for_types_alone_is_no_import(tmp_path):
    assert broken(tmp_path, **{"tfnas/support/files.py": TYPES + IMPORT}) == {}


@pytest.mark.parametrize("folder", ["tfnas/support", "tests/support", "tools"])
def test_a_file_of_301_lines_is_noticed(tmp_path, folder):
    files = {f"{folder}/long.py": 301 * "\n", f"{folder}/fits.py": 300 * "\n"}

    assert broken(tmp_path, **files) == {
        "files over 300 lines": [f"{folder}/long.py (301)"]
    }


def test_a_function_of_41_lines_without_its_docstring_is_noticed(tmp_path):
    files = {"tfnas/support/files.py": FITS, "tests/test_long.py": LONG}

    assert broken(tmp_path, **files) == {
        "functions over 40 lines": ["tests/test_long.py:2 f (41)"]
    }


def test_people_read_a_line_a_figure_with_what_broke_it(tmp_path):
    broken(tmp_path, **{"tools/long.py": 302 * "\n"})
    lines = house(tmp_path).stdout.splitlines()

    assert " 2 of 12  modules in one folder: tfnas/search (2)" in lines
    assert " 3 of  9  layers of the import contract: -" in lines
    assert " 1 of  0  files over 300 lines: tools/long.py (302)  BROKEN" in lines
