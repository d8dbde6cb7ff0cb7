from importlib.util import find_spec

import numpy as np
import pytest
from stand_ins import MEMBER, TINY
from twins import MIXED, network_of, noise

from tfnas.errors import ModelError
from tfnas.spaces.architecture import Architecture

# Not by importing it, which would turn `tf.keras` into Keras 2.
if find_spec("tensorflow_model_optimization") is None:
    pytest.skip("QAT is an optional extra: tfnas[qat]", allow_module_level=True)

from tfnas.deploy.qat.twin import twin


def test_the_twin_computes_what_the_model_does():
    model = network_of(MIXED)
    copy, images = twin(model, MIXED), noise(MIXED)

    # float32 sums in another order
    expected = model(images, training=False)
    np.testing.assert_allclose(copy(images, training=False), expected, atol=1e-4)
    assert np.ptp(expected) > 0.5
    kinds = {type(layer).__module__.split(".")[0] for layer in copy.layers}
    assert kinds == {"tf_keras"}
    sums = [layer for layer in copy.layers if type(layer).__name__ == "Add"]
    assert {len(layer.input) for layer in sums} == {2}


def test_a_model_of_another_architecture_is_refused():
    model = network_of(Architecture(TINY, (1, 1, 0, 2)))

    with pytest.raises(
        ModelError, match="they differ in cell0_edge0to2_sep_conv_3x3_1"
    ):
        twin(model, MEMBER)


def test_a_model_that_computes_something_else_is_refused():
    model = network_of(MEMBER)
    model.get_layer("stem_relu").max_value = 0.5

    with pytest.raises(ModelError, match=r"different logits .* up to \S+ apart"):
        twin(model, MEMBER)
