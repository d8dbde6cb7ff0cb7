import os
import sys
from functools import cache

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import tensorflow as tf
from scheduling import Scheduling, slowest_first
from stand_ins import TINY, stand_in_table, stripes

from tfnas.data.dataset import Dataset
from tfnas.latency import entries, profile

# The graphs of tests are tiny: to optimize one takes longer than to run it.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)


def pytest_collection_modifyitems(items):
    slowest_first(items)


@pytest.fixture(scope="session", autouse=True)
def few_batches():
    """Five batches tell the statistics of stripes as well as fifty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfnas.data.halves._CALIBRATION_STEPS", 5)
        patch.setattr("tfnas.deploy.train._RECALIBRATION_STEPS", 20)
        yield


@pytest.fixture(scope="session", autouse=True)
def convert_once():
    """Models that are timed are made once: the same site gives the same bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "site_model", cache(entries.site_model))
        patch.setattr(profile, "network_model", cache(profile.network_model))
        yield


@pytest.fixture
def tiny_table():
    return stand_in_table(TINY)


@pytest.fixture(scope="session")
def tiny_data():
    return Dataset("stripes", *stripes(320, 0), *stripes(60, 1), ("a", "b", "c"))


@pytest.fixture(scope="session")
def tiny_npz(tmp_path_factory, tiny_data):
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez(path, **{name: getattr(tiny_data, name) for name in names})
    return path


@pytest.fixture
def package(tmp_path_factory, monkeypatch):
    """Installs another package of one module: what it offers, by group and name."""
    installed = []

    def install(name, code, **offers):
        folder = tmp_path_factory.mktemp(name)
        info = folder / f"{name}-0.1.dist-info"
        info.mkdir()
        (folder / f"{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\n")
        lines = []
        for group, offered in offers.items():
            lines.append(f"[tfnas.{group}]")
            lines += [f"{entry} = {path}" for entry, path in offered.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(folder)
        installed.append(name)

    yield install
    for name in installed:
        sys.modules.pop(name, None)
