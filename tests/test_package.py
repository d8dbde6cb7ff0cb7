import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

import tfnas
from tfnas.cli.main import main

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "tfnas").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TOOLS = sorted((ROOT / "tools").rglob("*.py"))
# They test the package as a whole, a user's way through it, or a tool.
OF_NO_MODULE = {
    "test_house.py",
    "test_package.py",
    "test_public.py",
    "cli/test_chain.py",
    "cli/test_extending.py",
    "cli/test_own_data.py",
    "search/test_steps.py",
    "targets/test_board_runner_aarch64.py",
}
README = (ROOT / "README.md").read_text()


def test_the_tests_of_a_module_lie_where_it_lies():
    files = [path.relative_to(ROOT / "tests") for path in TESTS]
    tests = [path for path in files if path.name.startswith("test_")]
    modules = {path.relative_to(ROOT / "tfnas") for path in MODULES}

    others = {
        str(path)
        for path in tests
        if path.with_name(path.name.removeprefix("test_")) not in modules
    }
    assert others == OF_NO_MODULE


def test_no_module_outside_spaces_knows_which_kinds_of_spaces_there_are():
    kinds = re.compile(r"\b(CellSpace|ChainSpace|spaces\.cell|spaces\.chain)\b")
    outside = [path for path in MODULES if path.parent.name != "spaces"]

    # but the face of the package, which hands all public names on
    assert [path for path in outside if kinds.search(path.read_text())] == [
        ROOT / "tfnas" / "__init__.py"
    ]


@pytest.mark.parametrize("path", TOOLS, ids=lambda p: p.stem)
def test_what_a_tool_imports_from_tfnas_is_there(path):
    imports = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tfnas")
        for alias in node.names
    ]

    assert all(hasattr(import_module(module), name) for module, name in imports)


def commands():
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", README, re.DOTALL)
    lines = "\n".join(blocks).splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith("tfnas ")]


@pytest.mark.parametrize("line", commands())
def test_every_command_and_flag_of_the_readme_exists(line):
    _, name, *words = shlex.split(line)
    flags = {flag for option in main.commands[name].params for flag in option.opts}

    assert {word for word in words if word.startswith("--")} <= flags


def test_the_readme_names_every_command():
    assert {line.split()[1] for line in commands()} == set(main.commands)


def test_the_readmes_python_runs_as_far_as_it_can_without_a_search():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    compile(code, "README.md", "exec")
    names = set(re.findall(r"tfnas\.(\w+)", code))
    assert names <= {*tfnas.__all__}
