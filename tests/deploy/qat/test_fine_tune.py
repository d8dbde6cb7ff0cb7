import os
import sys
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from stand_ins import TINY

from tfnas.data.batches import in_order
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.errors import ModelError, SettingsError
from tfnas.networks.build import build
from tfnas.networks.convert import convert_int8
from tfnas.networks.evaluate import accuracy
from tfnas.networks.fit import Progress
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.tflite.graph import check_int8
from tfnas.tflite.interpreter import TfliteModel, tflite_accuracy

# Not by importing it, which would turn `tf.keras` into Keras 2.
if find_spec("tensorflow_model_optimization") is None:
    pytest.skip("QAT is an optional extra: tfnas[qat]", allow_module_level=True)

from tfnas.deploy.qat.fake_quant import Weights, fake_quantized
from tfnas.deploy.qat.fine_tune import fine_tune, twin
from tfnas.deploy.qat.grids import grids_of, ranges
from tfnas.deploy.qat.legacy_keras import tf_keras

MEMBER = Architecture(TINY, (2, 1, 0, 2))
DEEP = CellSpace((9, 9, 2), num_classes=3, nodes=2, channels=4)
# Sums of three, concatenations, pools of inputs and of sums, separable convolutions.
MIXED = Architecture(DEEP, (0, 1, 2, 2, 0, 1, 0, 0, 2, 0))
# Both sums begin with the same two pools, which are one op once converted.
ALIKE = Architecture(DEEP, (0, 0, 0, 0, 0, 0, 0, 0, 0, 2))
OTHERS = CellSpace(
    *((8, 8, 1), 3, 2, 3, 4),
    ops=("avg_pool_3x3", "dil_conv_3x3", "conv_1x1", "max_pool_3x3", "none"),
)
RARE = Architecture(OTHERS, (0, 1, 2, 4, 3, 0, 1, 3, 4))


def noise(architecture, num=32):
    shape = (num, *architecture.space.input_shape)
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def network_of(architecture):
    """A network whose batch norms have seen something, as those of trained ones."""
    keras.utils.set_random_seed(0)
    model, rng = build(architecture), np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            low, high = np.array([[0.5, -0.3, -0.1, 0.3], [1.5, 0.3, 0.1, 1.0]])
            shape = (layer.gamma.shape[0], 4)
            layer.set_weights([*rng.uniform(low, high, shape).T])
    return model


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


@pytest.mark.parametrize(
    ("member", "per_tensor_dense"), [(MIXED, False), (ALIKE, True), (RARE, False)]
)
def test_int8_has_the_ops_of_post_training_and_rounds_as_training_did(
    member, per_tensor_dense
):
    model, images = network_of(member), noise(member)
    network = twin(model, member)
    aware = fake_quantized(
        network, ranges(network, images), per_tensor_dense=per_tensor_dense
    )
    black = np.zeros_like(images[:1])  # would set useless ranges if it set any
    flatbuffer = convert_int8(aware, black, per_tensor_dense=per_tensor_dense)

    assert check_int8(flatbuffer) == check_int8(convert_int8(model, images[:2]))
    int8, expected = TfliteModel(flatbuffer), aware(images, training=False)
    steps = np.abs(int8.predict(images) - expected) / int8.output_step
    # a value halfway between two steps may go either way, and the next layers see it
    assert steps.max() <= 3
    assert steps.mean() < 0.6


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
    ("layer", "shape", "per_tensor_dense", "expected"),
    [
        (tf_keras.layers.Conv2D(2, 1), (1, 1, 2), True, ONE_BY_ONE),
        (tf_keras.layers.DepthwiseConv2D((1, 2)), (1, 2, 2), True, ONE_BY_ONE),
        (tf_keras.layers.Dense(2), (2,), False, ONE_BY_ONE),
        (tf_keras.layers.Dense(2), (2,), True, BOTH),
    ],
)
def test_weights_are_whole_steps_of_their_scale(
    layer, shape, per_tensor_dense, expected
):
    image = tf_keras.Input(shape)
    network = tf_keras.Model(image, layer(image))
    kernel, bias = layer.get_weights()
    rows = np.array([[1.27, 0.0127], [0.634, 0.00634]])
    layer.set_weights([rows.reshape(kernel.shape), bias])
    aware = fake_quantized(network, {}, per_tensor_dense=per_tensor_dense)

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


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs, self.steps, self.ended = [], 0, False

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(logs["loss"])

    def on_train_end(self, logs=None):
        self.ended = True


def test_training_with_int8_in_the_loop_learns(tiny_data, capsys):
    model = train_member(MEMBER, tiny_data, TrainConfig(epochs=1, batch_size=16))
    before = [weight.copy() for weight in model.get_weights()]
    test = tiny_data.x_test, tiny_data.y_test
    names = ("x_train", "y_train", "classes", "flip")  # there is no test set to look at
    blind = SimpleNamespace(**{name: getattr(tiny_data, name) for name in names})
    losses = Losses()
    progress = Progress("Train", 3, lambda logs: f"loss {logs['loss']:.3f}")

    flatbuffer = fine_tune(
        *(model, MEMBER, blind, TrainConfig(epochs=1, batch_size=16, lr=0.5), 3),
        callbacks=[losses, progress],
    )

    assert losses.epochs[-1] < 0.8 * losses.epochs[0]
    assert (losses.steps, losses.ended) == (3 * 20, True)
    assert "Train 3/3  loss" in capsys.readouterr().err
    assert tflite_accuracy(flatbuffer, in_order(*test)) >= max(
        0.9, accuracy(model, in_order(*test))
    )
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_keras_3_stays_what_everything_else_gets():
    assert tf.keras.version().startswith("3.")
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_missing_packages_are_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_model_optimization", None)
    monkeypatch.delitem(sys.modules, "tfnas.deploy.qat.legacy_keras")

    with pytest.raises(SettingsError, match=r"pip install 'tfnas\[qat\]'"):
        import_module("tfnas.deploy.qat.legacy_keras")
