from importlib.util import find_spec

import pytest
from stand_ins import MEMBER
from twins import ALIKE, network_of, noise

# Not by importing it, which would turn `tf.keras` into Keras 2.
if find_spec("tensorflow_model_optimization") is None:
    pytest.skip("QAT is an optional extra: tfnas[qat]", allow_module_level=True)

from tfnas.deploy.qat.grids import grids_of, ranges
from tfnas.deploy.qat.twin import twin


def test_tensors_that_int8_puts_on_one_grid_share_their_range():
    network = twin(network_of(ALIKE), ALIKE)
    found = ranges(network, noise(ALIKE))

    # the pool of a state keeps its grid; the cell's output that of its nodes, and the
    # sum of node 3 begins with that of node 2
    same = ("cell0_node2", "cell0_node3_of2", "cell0_node3", "cell0_output")
    assert len({found[name] for name in same}) == 1
    assert {*same} <= grids_of(network)["cell0_node2"]
    assert found["cell0_edge0to2_max_pool_3x3"] == found["cell0_input0_relu"]
    assert found["cell0_input0_relu"] != found["cell0_node2"]


def test_a_range_is_the_lowest_and_the_highest_value_of_all_images():
    network, images = twin(network_of(MEMBER), MEMBER), noise(MEMBER, num=120)
    logits = network(images, training=False).numpy()

    assert ranges(network, images)["logits"] == (
        pytest.approx(min(logits.min(), 0)),
        pytest.approx(max(logits.max(), 0)),
    )
