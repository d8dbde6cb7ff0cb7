import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from stand_ins import TINY, stand_in_table, stripes

from tfnas.data.dataset import Dataset


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
