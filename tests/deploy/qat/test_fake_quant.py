from importlib.util import find_spec

import numpy as np
import pytest
import tensorflow as tf
from stand_ins import MEMBER
from twins import ALIKE, MIXED, network_of, noise

from tfnas.networks.convert import convert_int8
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.chain import ChainSpace
from tfnas.spaces.space import DEPLOYABLE
from tfnas.tflite.graph import check_int8
from tfnas.tflite.interpreter import TfliteModel
from tfnas.tflite.traits import PLAIN, Traits

# Not by importing it, which would turn `tf.keras` into Keras 2.
if find_spec("tensorflow_model_optimization") is None:
    pytest.skip("QAT is an optional extra: tfnas[qat]", allow_module_level=True)

from tfnas.deploy.qat.fake_quant import Weights, fake_quantized
from tfnas.deploy.qat.grids import ranges
from tfnas.deploy.qat.legacy_keras import tf_keras
from tfnas.deploy.qat.twin import twin

OTHERS = CellSpace(
    (8, 8, 1),
    3,
    2,
    3,
    4,
    ops=("avg_pool_3x3", "dil_conv_3x3", "conv_1x1", "max_pool_3x3", "none"),
)
RARE = Architecture(OTHERS, (0, 1, 2, 4, 3, 0, 1, 3, 4))


# Its map is not pooled: means of four whole numbers lie halfway too often.
GRID = ChainSpace(
    (8, 8, 1), 3, stem=4, stages=((4, 2, 1),), head=0, grid=4, ops=("skip", "conv_3x3")
)
OF_A_GRID = Architecture(GRID, (1, 0))


ONE_SCALE = Traits(per_tensor_dense=True)


@pytest.mark.parametrize(
    ("member", "traits"),
    [(MIXED, PLAIN), (ALIKE, ONE_SCALE), (RARE, PLAIN), (OF_A_GRID, PLAIN)],
)
def test_int8_has_the_ops_of_post_training_and_rounds_as_training_did(member, traits):
    model, images = network_of(member), noise(member)
    network = twin(model, member)
    aware = fake_quantized(network, ranges(network, images), traits=traits)
    black = np.zeros_like(images[:1])  # would set useless ranges if it set any
    flatbuffer = convert_int8(aware, black, traits=traits)

    assert check_int8(flatbuffer, DEPLOYABLE) == check_int8(
        convert_int8(model, images[:2]), DEPLOYABLE
    )
    int8, expected = TfliteModel(flatbuffer), aware(images, training=False)
    steps = np.abs(int8.predict(images) - expected) / int8.output_step
    # a value halfway between two steps may go either way, and the next layers see it
    assert steps.max() <= 3
    assert steps.mean() < 0.6


def test_a_layer_that_relu_cuts_off_still_runs():
    model = network_of(MEMBER)
    for name in ("cell0_input0_bn", "cell1_input1_bn"):
        bn = model.get_layer(name)
        gamma, beta, *statistics = bn.get_weights()
        bn.set_weights([gamma, beta - 100, *statistics])
    network, images = twin(model, MEMBER), noise(MEMBER)
    found = ranges(network, images)
    flatbuffer = convert_int8(fake_quantized(network, found), images[:1])

    assert found["cell0_input0_relu"] == (0, 0.01)
    int8 = TfliteModel(flatbuffer)  # XNNPACK would refuse a range of 0 to 0
    error = np.abs(int8.predict(images) - network(images, training=False))
    assert error.max() <= 4 * int8.output_step


# The largest weight of a scale is 127 steps: of 0.01 and of 0.0001, or of 0.01 for all.
ONE_BY_ONE, BOTH = ([[1.27, 0.0127], [0.63, 0.0063]], [[1.27, 0.01], [0.63, 0.01]])


@pytest.mark.parametrize(
    ("layer", "shape", "traits", "expected"),
    [
        (tf_keras.layers.Conv2D(2, 1), (1, 1, 2), ONE_SCALE, ONE_BY_ONE),
        (tf_keras.layers.DepthwiseConv2D((1, 2)), (1, 2, 2), ONE_SCALE, ONE_BY_ONE),
        (tf_keras.layers.Dense(2), (2,), PLAIN, ONE_BY_ONE),
        (tf_keras.layers.Dense(2), (2,), ONE_SCALE, BOTH),
    ],
)
def test_weights_are_whole_steps_of_their_scale(layer, shape, traits, expected):
    image = tf_keras.Input(shape)
    network = tf_keras.Model(image, layer(image))
    kernel, bias = layer.get_weights()
    rows = np.array([[1.27, 0.0127], [0.634, 0.00634]])
    layer.set_weights([rows.reshape(kernel.shape), bias])
    aware = fake_quantized(network, {}, traits=traits)

    # one input at a time shows the row of weights that it meets
    ones = np.eye(2, dtype=np.float32).reshape(2, *shape[:-1], -1)
    shown = aware(np.broadcast_to(ones, (2, *shape)), training=False)
    np.testing.assert_allclose(np.reshape(shown, (2, 2)), expected, rtol=1e-5)


def test_rounding_passes_the_gradient_and_leaves_zeros_alone():
    kernel = tf.constant([[0.5, 0.0], [0.3, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        rounded = Weights((0,))(kernel, training=True, weights={})

    np.testing.assert_array_equal(tape.gradient(rounded, kernel), np.ones((2, 2)))
    np.testing.assert_array_equal(rounded[:, 1], np.zeros(2))
