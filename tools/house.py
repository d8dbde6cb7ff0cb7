"""The house in numbers: how large its rooms are, and which way imports go.

Prints one figure a line, with the bound it must keep and what breaks it; the exit code
is 1 where one is broken. Imports inside functions count, those for types alone do not
(import-linter looks at them too). The body of a function is its lines without the
signature and the docstring; blank lines and comments between statements count.
"""

import argparse
import ast
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "tfnas"
MOST_MODULES = 12
MOST_IMPORTS = 13
MOST_LAYERS = 9
MOST_LINES = 300
MOST_BODY_LINES = 40

Graph = dict[str, set[str]]


@dataclass(frozen=True)
class Figure:
    """One number of the house.

    Attributes:
        what: What was counted.
        value: How many there are.
        bound: How many there may be.
        where: What breaks the bound; where nothing does, what has the most.
    """

    what: str
    value: int
    bound: int
    where: tuple[str, ...]

    def __str__(self) -> str:
        """One line, such as `12 of 12  modules in one folder: tfnas/search`."""
        mark = "  BROKEN" if self.value > self.bound else ""
        where = ", ".join(self.where)
        return f"{self.value:2} of {self.bound:2}  {self.what}: {where or '-'}{mark}"


def figures(root: Path) -> list[Figure]:
    """All figures of a checkout."""
    trees = {path: ast.parse(path.read_text()) for path in _files(root)}
    modules = {_name(path, root): tree for path, tree in trees.items()}
    graph = {
        name: set(_imports(tree, modules)) - {name}
        for name, tree in modules.items()
        if _inside(name, PACKAGE)
    }
    layers = _layers(root)
    files = {_place(path, root): _lines(path) for path in trees}
    bodies = dict(_bodies(trees, root))
    imports = {name: len(found) for name, found in graph.items()}
    return [
        _greatest("modules in one folder", MOST_MODULES, _folders(trees, root)),
        _greatest("own imports of one module", MOST_IMPORTS, imports),
        Figure("layers of the import contract", len(layers), MOST_LAYERS, ()),
        _none("imports against the layers", _upward(graph, layers)),
        _none("circles of packages", _circles(_packages(graph))),
        _none("circles of modules", _circles(graph)),
        _none(f"files over {MOST_LINES} lines", _over(files, MOST_LINES)),
        _none(
            f"functions over {MOST_BODY_LINES} lines", _over(bodies, MOST_BODY_LINES)
        ),
    ]


def _greatest(what: str, bound: int, counts: Mapping[str, int]) -> Figure:
    value = max(counts.values(), default=0)
    return Figure(what, value, bound, _over(counts, min(bound, value - 1)))


def _none(what: str, found: Iterable[str]) -> Figure:
    where = tuple(found)
    return Figure(what, len(where), 0, where)


def _over(counts: Mapping[str, int], bound: int) -> tuple[str, ...]:
    found = sorted(counts.items(), key=lambda item: -item[1])
    return tuple(f"{name} ({count})" for name, count in found if count > bound)


def _files(root: Path) -> list[Path]:
    return sorted(
        path
        for folder in (PACKAGE, "tests", "tools")
        for path in (root / folder).rglob("*.py")
    )


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _place(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _name(path: Path, root: Path) -> str:
    """The name to import a file by; that of its folder for an `__init__.py`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _inside(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def _folders(paths: Iterable[Path], root: Path) -> Counter[str]:
    return Counter(
        _place(path.parent, root)
        for path in paths
        if _inside(_name(path, root), PACKAGE) and path.name != "__init__.py"
    )


def _imports(tree: ast.Module, known: Iterable[str]) -> Iterator[str]:
    """The modules of the package that one of them imports; ruff bans relative ones."""
    for statement in _statements(tree):
        if isinstance(statement, ast.Import):
            names = [(alias.name, alias.name) for alias in statement.names]
        else:
            source = statement.module or ""
            names = [(f"{source}.{alias.name}", source) for alias in statement.names]
        for module, otherwise in names:
            found = module if module in known else otherwise
            if found in known and _inside(found, PACKAGE):
                yield found


def _statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import below a node that is carried out when the program runs."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        children = iter(node.orelse)
    for child in children:
        yield from _statements(child)


def _layers(root: Path) -> list[list[str]]:
    """The packages of each layer of the import contract, the highest first."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    return [
        layer.replace("|", " ").split()
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
        for layer in contract["layers"]
    ]


def _upward(graph: Graph, layers: list[list[str]]) -> Iterator[str]:
    """Imports of a layer above, or of another package of the same layer.

    What is in no layer is above them all.
    """
    rooms = {room: number for number, layer in enumerate(layers) for room in layer}
    home = {name: next((r for r in rooms if _inside(name, r)), "") for name in graph}
    for name, found in graph.items():
        for other in sorted(found):
            here, there = rooms.get(home[name], -1), rooms.get(home[other], -1)
            if there < here or (there == here and home[name] != home[other]):
                yield f"{name} -> {other}"


def _packages(graph: Graph) -> Graph:
    """Which package imports which; a folder within another counts as the outer one."""
    found: Graph = {}
    for name, others in graph.items():
        here = ".".join(name.split(".")[:2])
        there = {".".join(other.split(".")[:2]) for other in others}
        found.setdefault(here, set()).update(there - {here})
    return found


def _circles(graph: Graph) -> Iterator[str]:
    """Circles of imports; each is cut at one place before the next is looked for."""
    left = {name: set(others) for name, others in graph.items()}
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            imported, name, *rest = error.args[1]
            yield " -> ".join([*reversed(rest), name, imported])
            left[name].remove(imported)
        else:
            return


def _bodies(trees: Mapping[Path, ast.Module], root: Path) -> Iterator[tuple[str, int]]:
    """Each function with the lines of its body."""
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                start = node.body[0].lineno
                if ast.get_docstring(node) is not None:
                    start = (node.body[0].end_lineno or start) + 1
                lines = (node.end_lineno or start) - start + 1
                yield f"{_place(path, root)}:{node.lineno} {node.name}", lines


def main() -> int:
    """Print the figures; the exit code is 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).parents[1]
    parser.add_argument("root", nargs="?", type=Path, default=here, help="checkout")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    found = figures(asked.root.resolve())
    if asked.json:
        print(json.dumps([asdict(figure) for figure in found], indent=1))
    else:
        print(*found, sep="\n")
    return int(any(figure.value > figure.bound for figure in found))


if __name__ == "__main__":
    sys.exit(main())
