"""Hardware-aware neural architecture search for TensorFlow, Keras and TFLite."""

import os
from importlib import import_module
from typing import Any

# TensorFlow reads these once, when it is imported: no start-up notices on stderr.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

# Import paths, so that `import tfnas` and `tfnas --help` load no TensorFlow.
_PUBLIC = {
    "Architecture": "tfnas.spaces.architecture",
    "CellSpace": "tfnas.spaces.cell",
    "LatencyTable": "tfnas.latency.table",
    "Schedule": "tfnas.search.callbacks",
    "Search": "tfnas.search.search",
    "SearchConfig": "tfnas.search.settings",
    "TfnasError": "tfnas.errors",
    "build": "tfnas.networks.build",
    "profile": "tfnas.latency.profile",
}
__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tfnas' has no attribute {name!r}")
    from tfnas.support.quiet import quiet

    with quiet():
        module = import_module(_PUBLIC[name])
    return getattr(module, name)
