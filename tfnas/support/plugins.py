"""The one door for what the user and other packages bring.

Four things can be brought, each under an entry-point group: `tfnas.targets`,
`tfnas.ops`, `tfnas.spaces` and `tfnas.data`. Two functions find them, so that a reader
sees at every call whose word is taken:

- `resolve` takes a name, which may stand in a file that travels (a table, a card, an
  architecture): it finds what is ours, then what installed packages offer.
- `from_module` takes `package.module:NAME` and imports that very module, whatever it
  does: it is for what the user typed, or what stands in their own run folder.

`known` lists the names that `resolve` takes.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tfnas.errors import TfnasError, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# One letter before the colon is a drive of Windows.
_MODULE_NAME = re.compile(r"(?!\w:)[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def known(own: Mapping[str, Any], group: str, error: type[TfnasError]) -> list[str]:
    """The names that `resolve` takes: ours, then those of other packages.

    Args:
        own: What is ours, by name.
        group: The entry-point group of other packages, such as `tfnas.targets`.
        error: What to raise.

    Raises:
        TfnasError: If a package offers a name that is taken.
    """
    return [*own, *_offered(own, group, error)]


def resolve(
    name: str, own: Mapping[str, Any], group: str, error: type[TfnasError]
) -> Any:
    """What is meant by a name: ours, or what an installed package offers.

    Other packages are looked at only where the name is not ours, and imported only
    where it is theirs.

    Args:
        name: May come from a file that travels: it never names a module.
        own: What is ours, by name: objects, or their import paths `module:NAME`.
        group: The entry-point group of other packages, such as `tfnas.targets`.
        error: What to raise.

    Raises:
        TfnasError: If nothing has this name, two packages offer it, or the package
            that does cannot be imported.
    """
    if name in own:
        return _imported(own[name])
    offered = _offered(own, group, error)
    if name in offered:
        return _loaded(offered[name], error)
    if names_module(name):
        raise error(
            f"{name} names a module, which only you may do, where you type it. A file "
            f"may name what installed packages offer in the group {group}: "
            f"{', '.join(offered) or 'none does'}"
        )
    raise error(f"Unknown {_noun(group)} {name!r}. {nearest(name, [*own, *offered])}")


def names_module(text: str) -> bool:
    """Whether a text is written as `package.module:NAME`."""
    return _MODULE_NAME.fullmatch(text) is not None


def from_module(source: str, error: type[TfnasError]) -> Any:
    """Import what the user named; never for a name out of a file that travels.

    Args:
        source: `package.module:NAME`, looked up in the current folder first, then in
            what is installed.
        error: What to raise.

    Raises:
        TfnasError: If it is written otherwise, or there is no such module or name.
            What else the module raises is passed on, for it is the user's to read.
    """
    if not names_module(source):
        raise error(f"{source!r} names nothing: write package.module:NAME")
    path, _, name = source.partition(":")
    try:
        with users_code():
            module = import_module(path)
    except (ImportError, SyntaxError) as reason:
        raise error(
            f"{source}: cannot import {path} from {Path.cwd()} or what is installed: "
            f"{reason}"
        ) from reason
    if not hasattr(module, name):
        raise error(f"{path} has no {name!r}. {nearest(name, _public(module))}")
    return getattr(module, name)


@contextmanager
def users_code() -> Iterator[None]:
    """Where code of the user's runs: it imports from the current folder first.

    What it prints is for people; results alone go to stdout.
    """
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path.remove(here)


def _imported(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    path, _, name = value.partition(":")
    return getattr(import_module(path), name)


def _loaded(entry: "EntryPoint", error: type[TfnasError]) -> Any:
    try:
        with redirect_stdout(sys.stderr):
            return entry.load()
    except Exception as reason:  # a package may break in any way while it is imported
        said = " ".join(f"{type(reason).__name__}: {reason}".split())
        raise error(
            f"The package {_package(entry)} offers the {_noun(entry.group)} "
            f"{entry.name!r}, but {entry.value} cannot be imported: {said}. Update or "
            "uninstall the package."
        ) from reason


def _offered(
    own: Mapping[str, Any], group: str, error: type[TfnasError]
) -> dict[str, "EntryPoint"]:
    """Entry points of a group by name; nothing is imported."""
    offered: dict[str, EntryPoint] = {}
    for entry in _entries(group, tuple(sys.path)):
        if entry.name in own or entry.name in offered:
            raise error(
                f"The package {_package(entry)} offers the {_noun(group)} "
                f"{entry.name!r}, but there is one already. Uninstall the package."
            )
        offered[entry.name] = entry
    return offered


@cache
def _entries(group: str, path: tuple[str, ...]) -> tuple["EntryPoint", ...]:
    """Entry points of what is installed along `path`, which is Python's own."""
    from importlib.metadata import entry_points  # takes a tenth of a second

    del path
    return tuple(entry_points(group=group))


def _package(entry: "EntryPoint") -> str:
    return entry.dist.name if entry.dist else "?"


def _noun(group: str) -> str:
    """What a group holds, for people: `target` for `tfnas.targets`."""
    return group.rpartition(".")[2].removesuffix("s")


def _public(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    ]
