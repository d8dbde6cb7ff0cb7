import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tfnas

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TREE = ast.parse((ROOT / "tfnas" / "__init__.py").read_text())
SCRIPT = """
import tfnas

reveal_type(tfnas.Search)
reveal_type(tfnas.load_data)
table: tfnas.LatencyTable = tfnas.CellSpace()
tfnas.CellSpace(input_shape="28x28x1")
tfnas.Serach
"""
LIGHT = """
import sys, tfnas
print(*{"tensorflow", "keras", "numpy"} & {*sys.modules}, *vars(tfnas))
"""


def value(name):
    """What the module's source assigns to a name."""
    (found,) = [
        node.value
        for node in TREE.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return ast.literal_eval(found)


def typed():
    """The names that type checkers see, and where each comes from."""
    (block,) = [
        node
        for node in TREE.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in block.body
        for alias in node.names
    }


def test_python_and_type_checkers_find_a_name_at_the_same_place():
    assert value("_HOMES") == typed()
    assert value("__all__") == sorted(typed())


@pytest.mark.parametrize("name", tfnas.__all__)
def test_a_public_name_is_what_its_home_defines(name):
    module, _, attribute = typed()[name].partition(":")
    found = getattr(tfnas, name)

    assert (found.__module__, found.__name__) == (module, attribute)
    assert found.__doc__


def test_dir_shows_the_public_names_alone():
    shown = [name for name in dir(tfnas) if not name.startswith("__")]

    assert shown == sorted(typed())
    assert {"__all__", "__doc__", "__path__"} <= {*dir(tfnas)}


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'serach'"):
        tfnas.serach  # noqa: B018  reading it is the test


def test_the_package_alone_loads_no_library():
    command = [sys.executable, "-c", LIGHT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()

    assert "__getattr__" in loaded
    assert not {"tensorflow", "keras", "numpy", *typed()} & {*loaded}


@pytest.fixture(scope="module")
def told(tmp_path_factory, pytestconfig):
    """What mypy says of a user's script, and of the one in the README."""
    folder, files = tmp_path_factory.mktemp("user"), ("user.py", "readme.py")
    (readme,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    for file, code in zip(files, (SCRIPT, readme), strict=True):
        (folder / file).write_text(code)
    cache = pytestconfig.cache.mkdir("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, *files]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, check=False
    )
    lines = done.stdout.splitlines()
    assert "checked 2 source files" in lines.pop()
    return [[line for line in lines if line.startswith(file)] for file in files]


def test_a_users_type_checker_sees_the_real_types(told):
    search, data, table, shape, name = told[0]

    assert "user.py:4: note: Revealed type is" in search
    assert "-> tfnas.search.search.Search" in search
    assert "-> tfnas.data.dataset.Dataset" in data
    assert 'expression has type "CellSpace", variable has type "LatencyTable"' in table
    assert 'Argument "input_shape" to "CellSpace" has incompatible type "str"' in shape
    assert 'Module has no attribute "Serach"' in name


def test_a_users_type_checker_has_nothing_against_the_readme(told):
    assert told[1] == []


def test_a_wheel_holds_what_is_read_beside_the_modules(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = {*zipfile.ZipFile(wheel).namelist()}

    assert {"tfnas/py.typed", "tfnas/deploy/infer.py"} <= files
    assert "tfnas/spaces/presets/micro.toml" in files
    assert "tfnas/targets/board_runner.py" in files
