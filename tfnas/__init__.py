"""Hardware-aware neural architecture search for TensorFlow, Keras and TFLite."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what editors and type checkers see
    from tfnas.data.dataset import Dataset
    from tfnas.data.halves import search_batches
    from tfnas.data.load import load as load_data
    from tfnas.deploy.export import export
    from tfnas.deploy.gates import Gates
    from tfnas.deploy.settings import TrainConfig
    from tfnas.errors import TfnasError
    from tfnas.family.family import Family
    from tfnas.family.limits import Limits
    from tfnas.family.member import Member
    from tfnas.latency.profile import profile
    from tfnas.latency.rounds import Timing
    from tfnas.latency.table import LatencyTable
    from tfnas.networks.build import build
    from tfnas.search.callbacks import Schedule
    from tfnas.search.search import Search
    from tfnas.search.settings import SearchConfig
    from tfnas.spaces.architecture import Architecture
    from tfnas.spaces.cell import CellSpace
    from tfnas.spaces.chain import ChainSpace
    from tfnas.spaces.load import read_space as load_space
    from tfnas.spaces.ops import Op
    from tfnas.spaces.site import Site, Slot
    from tfnas.spaces.space import Space
    from tfnas.targets.measurement import Measurement
    from tfnas.targets.target import Target

# TensorFlow reads these once, when it is imported: no start-up notices on stderr.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

__all__ = [
    "Architecture",
    "CellSpace",
    "ChainSpace",
    "Dataset",
    "Family",
    "Gates",
    "LatencyTable",
    "Limits",
    "Measurement",
    "Member",
    "Op",
    "Schedule",
    "Search",
    "SearchConfig",
    "Site",
    "Slot",
    "Space",
    "Target",
    "TfnasError",
    "Timing",
    "TrainConfig",
    "build",
    "export",
    "load_data",
    "load_space",
    "profile",
    "search_batches",
]

# The same for Python, so that `import tfnas` and `tfnas --help` load no TensorFlow.
_HOMES = {
    "Architecture": "tfnas.spaces.architecture:Architecture",
    "CellSpace": "tfnas.spaces.cell:CellSpace",
    "ChainSpace": "tfnas.spaces.chain:ChainSpace",
    "Dataset": "tfnas.data.dataset:Dataset",
    "Family": "tfnas.family.family:Family",
    "Gates": "tfnas.deploy.gates:Gates",
    "LatencyTable": "tfnas.latency.table:LatencyTable",
    "Limits": "tfnas.family.limits:Limits",
    "Measurement": "tfnas.targets.measurement:Measurement",
    "Member": "tfnas.family.member:Member",
    "Op": "tfnas.spaces.ops:Op",
    "Schedule": "tfnas.search.callbacks:Schedule",
    "Search": "tfnas.search.search:Search",
    "SearchConfig": "tfnas.search.settings:SearchConfig",
    "Site": "tfnas.spaces.site:Site",
    "Slot": "tfnas.spaces.site:Slot",
    "Space": "tfnas.spaces.space:Space",
    "Target": "tfnas.targets.target:Target",
    "TfnasError": "tfnas.errors:TfnasError",
    "Timing": "tfnas.latency.rounds:Timing",
    "TrainConfig": "tfnas.deploy.settings:TrainConfig",
    "build": "tfnas.networks.build:build",
    "export": "tfnas.deploy.export:export",
    "load_data": "tfnas.data.load:load",
    "load_space": "tfnas.spaces.load:read_space",
    "profile": "tfnas.latency.profile:profile",
    "search_batches": "tfnas.data.halves:search_batches",
}


if not TYPE_CHECKING:  # else any name would pass a type checker

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'tfnas' has no attribute {name!r}")
        from tfnas.support.quiet import quiet

        module, _, attribute = _HOMES[name].partition(":")
        with quiet():
            return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
