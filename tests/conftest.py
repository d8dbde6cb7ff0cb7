import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from tfnas.calibration import Calibration
from tfnas.data import Dataset
from tfnas.rows import Row
from tfnas.space import SUM, CellSpace
from tfnas.table import LatencyTable

TINY = CellSpace((8, 8, 1), num_classes=3, nodes=1, channels=4)
CALIBRATION = Calibration(1.0, 2.0, 2, (10.0, 20.0, 40.0), ((11.0,), (19.0,), (40.0,)))
CPU_OP_MS = {"max_pool_3x3": 1.0, "skip_connect": 0.0, "sep_conv_3x3": 3.0}


def stand_in_table(space, op_ms=CPU_OP_MS, **changes):
    """A table of round numbers, measured nowhere; an op costs the same at any site."""
    prices = {SUM: 0.0, **op_ms}
    rows = {site: Row(*[prices[site.op]] * 4, runs=1) for site in space.all_sites}
    fields = {
        "kind": "stand-in",
        "target": "cpu",
        "device": {"cpu": "stand-in", "threads": "1"},
        "space": space,
        "rows": rows,
        "skeleton_ms": 2.0,
        "calibration": CALIBRATION,
        "date": "2026-01-01",
        "tool_version": "0.1.0",
    }
    return LatencyTable(**{**fields, **changes})


def stripes(num, seed):
    """Images whose class is the direction of their stripes: easy, but not trivial."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num)
    rows, columns = np.mgrid[:8, :8]
    waves = np.stack([rows, columns, rows + columns]) % 4 < 2
    noise = rng.integers(0, 120, (num, 8, 8))
    images = 120 * waves[labels] + noise
    return images[..., None].astype(np.uint8), labels.astype(np.int32)


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
