import subprocess
import sys
from importlib import import_module

import pytest

from tfnas.errors import DataError, TargetError
from tfnas.support.plugins import from_module, known, names_module, resolve

OWN = {"square": round, "lazy": "math:prod"}
GROUP = "tfnas.targets"


def find(name):
    return resolve(name, OWN, GROUP, TargetError)


def message(function, *args):
    with pytest.raises(TargetError) as caught:
        function(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_ours_is_an_object_or_an_import_path():
    assert find("square") is round
    assert find("lazy") is import_module("math").prod


def test_what_another_package_offers_is_imported_when_it_is_named(package):
    package("kitchen", "TOASTER = 7\n", targets={"toaster": "kitchen:TOASTER"})

    assert known(OWN, GROUP, TargetError) == ["square", "lazy", "toaster"]
    assert "kitchen" not in sys.modules
    assert find("toaster") == 7


def test_groups_are_kept_apart(package):
    package("kitchen", "TOASTER = 7\n", ops={"toaster": "kitchen:TOASTER"})

    assert resolve("toaster", OWN, "tfnas.ops", TargetError) == 7
    assert known(OWN, GROUP, TargetError) == [*OWN]


def test_an_unknown_name_is_told_with_the_nearest_of_all(package):
    package("kitchen", "", targets={"toaster": "kitchen:TOASTER"})

    assert message(find, "toster") == (
        "Unknown target 'toster'. Did you mean 'toaster'? Known: square, lazy, toaster"
    )


def test_a_name_that_is_ours_is_told_with_the_package_that_takes_it(package):
    package("kitchen", "", targets={"square": "kitchen:TOASTER"})

    assert message(known, OWN, GROUP, TargetError) == (
        "The package kitchen offers the target 'square', but there is one already. "
        "Uninstall the package."
    )


def test_two_packages_cannot_offer_one_name(package):
    package("kitchen", "", targets={"toaster": "kitchen:TOASTER"})
    package("pantry", "", targets={"toaster": "pantry:TOASTER"})

    assert "offers the target 'toaster', but there is one" in message(find, "toaster")


def test_what_is_ours_wins_where_another_package_offers_it_too(package):
    package("kitchen", "", targets={"square": "kitchen:TOASTER"})

    assert find("square") is round


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("def f(:", "SyntaxError: invalid syntax (kitchen.py, line 1)"),
        ("", "AttributeError: module 'kitchen' has no attribute 'TOASTER'"),
        ("raise RuntimeError('no\\nwater')", "RuntimeError: no water"),
    ],
)
def test_a_package_that_cannot_be_imported_is_named_with_the_reason(
    package, code, reason
):
    package("kitchen", code, targets={"toaster": "kitchen:TOASTER"})

    assert message(find, "toaster") == (
        "The package kitchen offers the target 'toaster', but kitchen:TOASTER cannot "
        f"be imported: {reason}. Update or uninstall the package."
    )


def test_what_a_package_prints_is_kept_off_stdout(package, capsys):
    package("kitchen", "print('hot')\nA = 1\n", targets={"toaster": "kitchen:A"})
    find("toaster")

    assert capsys.readouterr() == ("", "hot\n")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The user's folder, with a module in a package."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "garden").mkdir()
    (tmp_path / "garden" / "shed.py").write_text("import math\nRAKE, _PIT = 5, 6\n")
    yield tmp_path
    for name in ("garden", "garden.shed"):
        sys.modules.pop(name, None)


def test_a_name_from_a_file_imports_no_module(package, project):
    package("kitchen", "", targets={"toaster": "kitchen:A", "oven": "kitchen:B"})

    assert message(find, "garden.shed:RAKE") == (
        "garden.shed:RAKE names a module, which only you may do, where you type it. A "
        "file may name what installed packages offer in the group tfnas.targets: "
        "toaster, oven"
    )
    assert "garden.shed" not in sys.modules


def test_what_the_user_typed_is_imported_from_the_current_folder(project):
    before = [*sys.path]

    assert from_module("garden.shed:RAKE", TargetError) == 5
    assert sys.path == before


def test_what_the_user_typed_may_be_installed():
    assert from_module("math:prod", TargetError) is import_module("math").prod


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "garden.shed:RAK",
            "garden.shed has no 'RAK'. Did you mean 'RAKE'? Known: RAKE",
        ),
        ("garden.barn:RAKE", "No module named 'garden.barn'"),
        ("garden", "'garden' names nothing: write package.module:NAME"),
    ],
)
def test_what_the_user_mistyped_is_told(project, source, said):
    assert said in message(from_module, source, TargetError)


def test_the_error_is_of_the_kind_that_was_asked_for():
    with pytest.raises(DataError, match="cannot import nowhere from"):
        from_module("nowhere:A", DataError)
    with pytest.raises(DataError, match="Unknown data 'pets'"):
        resolve("pets", {}, "tfnas.data", DataError)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("shed:RAKE", True),
        ("a.b_2.c:Ä", True),
        ("C:icons", False),  # a drive
        ("ssh://pi@kitchen", False),
        ("adb:12", False),
        ("a.b:c.d", False),
        (".a:b", False),
        ("a:b:c", False),
        ("shed", False),
    ],
)
def test_a_module_is_named_in_one_way(text, names):
    assert names_module(text) is names


def test_the_door_is_cheap_until_other_packages_are_asked():
    code = (
        "import sys; from tfnas.support.plugins import resolve; "
        "resolve('a', {'a': 1}, 'tfnas.ops', ValueError); "
        "print({'importlib.metadata', 'tensorflow', 'numpy'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"
