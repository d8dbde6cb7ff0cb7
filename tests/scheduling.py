"""Which tests pytest-xdist hands to one worker: those that share what takes long."""

import ast
from functools import cache

from xdist.scheduler import LoadFileScheduling

# Fixtures that several files ask for, each by any of these names; the slowest first.
SHARED = {
    "main_job": {"main_job", "inside", "swept"},
    "left_alone": {"left_alone"},
    "exported": {"exported"},
}


class Scheduling(LoadFileScheduling):
    """Whole files, and together those that ask for the same fixture of `SHARED`."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        return shared_by(self.config.rootpath / file) or file


def slowest_first(items):
    """Put tests that share what takes long first: no worker shall end with them."""
    order = [*SHARED, None]
    items.sort(key=lambda item: order.index(shared_by(item.path)))


def shared_by(path):
    """The fixture of `SHARED` that a file asks for; None where it asks for none."""
    asked = _asked_for(path)
    return next((name for name, names in SHARED.items() if names & asked), None)


@cache
def _asked_for(path):
    """The arguments of a file's tests, without fixtures that it makes itself."""
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    asked = {argument.arg for node in functions for argument in node.args.args}
    return asked - {node.name for node in functions}
