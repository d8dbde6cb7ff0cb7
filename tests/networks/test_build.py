import subprocess
import sys

import numpy as np
import pytest
from stand_ins import images

from tfnas.networks.build import build
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace

SPACE = CellSpace((9, 9, 2), num_classes=3, nodes=2, channels=4)


@pytest.mark.parametrize("op", range(3), ids=SPACE.ops)
def test_a_network_of_one_op_alone_passes_its_input_to_its_output(op):
    model = build(Architecture(SPACE, (op,) * 10))

    first, second = model(images(SPACE)), model(images(SPACE, seed=1))

    assert first.shape == (4, 3)
    assert np.abs(first - second).max() > 0


def test_a_network_holds_standard_layers_only():
    model = build(Architecture(SPACE, (0, 1, 2, 0, 1) * 2))

    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}


def test_a_saved_network_loads_without_tfnas(tmp_path):
    model = build(Architecture(SPACE, (0, 1, 2, 0, 1) * 2))
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", images(SPACE))
    code = """
import sys
sys.modules["tfnas"] = None  # importing it would fail
import keras, numpy
model = keras.models.load_model("model.keras")
numpy.save("y.npy", model(numpy.load("x.npy")))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)

    expected = model(images(SPACE))
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)
