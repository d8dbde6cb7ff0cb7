import subprocess
import sys

import keras
import numpy as np
import pytest
from stand_ins import TINY

from tfnas.networks.build import build, build_supernet
from tfnas.networks.counts import count_macs
from tfnas.networks.evaluate import score_member
from tfnas.networks.weights import inherit, named_weights
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace

SPACE = CellSpace((9, 9, 2), num_classes=3, nodes=2, channels=4)
WITH_NONE = CellSpace(
    (8, 8, 1), 3, nodes=2, channels=4, ops=("none", "skip_connect", "sep_conv_3x3")
)


def images(space, seed=0):
    shape = (4, *space.input_shape)
    return np.random.default_rng(seed).random(shape).astype("float32")


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


def test_macs_are_those_counted_by_hand():
    image = keras.Input((6, 5, 3))
    x = keras.layers.Conv2D(4, 3, 2, "same", use_bias=False)(image)
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    model = keras.Model(image, keras.layers.Dense(7)(x))

    assert count_macs(model) == 9 * (9 * 3 * 4) + 9 * (9 * 4) + 4 * 7


@pytest.mark.parametrize("mode", ["soft", "sampled"])
def test_a_member_with_the_supernets_weights_computes_what_the_supernet_does(mode):
    keras.utils.set_random_seed(0)
    supernet = build_supernet(SPACE, mode)
    member = Architecture(SPACE, (0, 1, 2, 2, 1, 1, 2, 0, 2, 2))
    model = build(member)
    inherit(model, named_weights(supernet), member)

    gamma = np.eye(3, dtype="float32")[list(member.indices)]
    expected = supernet([images(SPACE), gamma])  # its batch norm takes the batch
    got = model(images(SPACE), training=True)

    # float32 sums in another order
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


def test_a_member_with_a_dead_node_inherits_the_channels_that_live():
    keras.utils.set_random_seed(0)
    supernet = build_supernet(WITH_NONE, "sampled")
    # nodes 2 of both kinds of cell get nothing, nodes 3 get input 0 alone
    member = Architecture(WITH_NONE, (0, 0, 2, 0, 1, 0, 0, 1, 0, 2))
    model = build(member)
    inherit(model, named_weights(supernet), member)

    gamma = np.eye(3, dtype="float32")[list(member.indices)]
    expected = supernet([images(WITH_NONE), gamma])
    got = model(images(WITH_NONE), training=True)

    assert "cell0_edge2to3_skip_connect" not in [layer.name for layer in model.layers]
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


def test_a_member_is_scored_with_statistics_of_its_own(tiny_data):
    supernet, member = build_supernet(TINY), Architecture(TINY, (2, 1, 0, 2))
    images = tiny_data.x_train[:32].astype("float32") / 255
    gamma = np.eye(3, dtype="float32")[list(member.indices)]
    logits = np.asarray(supernet([images, gamma]))  # batch norm over these 32 images
    labels = tiny_data.y_train[:32]

    # momentum 0.9: after 100 equal batches the averages are those of the batch
    seen = [(images, labels)] * 100
    held_out = (tiny_data.x_train[:32], labels)
    loss, accuracy = score_member(member, named_weights(supernet), seen, held_out)

    assert accuracy == np.mean(logits.argmax(axis=1) == labels)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    expected = np.mean(log_sums - shifted[np.arange(32), labels])
    # the moving variance is the unbiased estimate: up to 1 / (32 * 2 * 2) more
    assert loss == pytest.approx(expected, rel=0.02)
