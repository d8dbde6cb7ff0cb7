import keras
import numpy as np
import pytest

from tfnas.networks.build import build, build_supernet
from tfnas.networks.fast_layers import fast_layers
from tfnas.networks.fold import inherit_folded
from tfnas.networks.weights import inherit, named_weights, recalibrate
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.chain import ChainSpace

SPACE = ChainSpace(
    (12, 12, 1),
    3,
    stem=4,
    stages=((4, 3, 1), (6, 2, 1)),
    head=0,
    ops=("skip", "plain_3x3", "plain_sep_3x3", "conv_3x3"),
)
# Block 3 changes the channels: it alone of the plain ones has no branch.
MEMBER = Architecture(SPACE, (1, 2, 3, 1, 2))


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    return [(rng.random((16, 12, 12, 1), "float32"), None) for _ in range(3)]


@pytest.fixture
def supernet():
    """Weights as training might leave them: no gamma is 1, no beta 0."""
    keras.utils.set_random_seed(0)
    model, rng = build_supernet(SPACE), np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign_add(rng.normal(scale=0.2, size=weight.shape))
    return model


def folded(supernet, member, batches):
    model = build(member)
    inherit_folded(model, named_weights(supernet), member, batches)
    return model


def test_a_member_without_branches_puts_out_what_the_supernet_does(batches, supernet):
    images = batches[0][0]
    gamma = np.eye(4, dtype="float32")[list(MEMBER.indices)]

    expected = supernet([images, gamma])  # its batch norm takes the batch
    got = folded(supernet, MEMBER, batches[:1])(images, training=False)

    # the batch's variance is biased in one of the two: 2304 pixels to 2303
    np.testing.assert_allclose(got, expected, rtol=1e-2, atol=1e-3)


def test_folding_is_exact_and_the_branches_matter(batches, supernet):
    open_ = build(MEMBER, layers=fast_layers, branches=True)
    inherit(open_, named_weights(supernet), MEMBER)
    recalibrate(open_, batches)
    images = batches[0][0]

    expected = open_(images, training=False)
    got = folded(supernet, MEMBER, batches)(images, training=False)

    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    closed = build(MEMBER)
    closed.set_weights(open_.get_weights())
    assert np.abs(closed(images, training=False) - expected).max() > 0.1


def test_training_goes_on_from_statistics_of_the_folded_layers(batches, supernet):
    model, images = folded(supernet, MEMBER, batches[:1]), batches[0][0]

    trained = model(images, training=True)

    expected = model(images, training=False)
    np.testing.assert_allclose(trained, expected, rtol=1e-2, atol=5e-3)


def test_a_convolution_of_zeros_becomes_the_identity(batches, supernet):
    slot = next(layer for layer in supernet.layers if layer.name == "block0")
    conv, _, _ = slot.candidates[1]
    conv.set_weights([np.zeros((3, 3, 4, 4))])

    member = Architecture(SPACE, (1, 0, 0, 1, 0))
    told = folded(supernet, member, batches).get_layer("block0_plain_3x3_conv")

    expected = np.zeros((3, 3, 4, 4))
    expected[1, 1] = np.eye(4)
    np.testing.assert_array_equal(told.get_weights()[0], expected)


def test_a_member_whose_ops_have_no_branches_inherits_as_ever(batches, supernet):
    member = Architecture(SPACE, (3, 3, 0, 1, 0))
    model = build(member)
    inherit(model, named_weights(supernet), member)

    for got, expected in zip(
        folded(supernet, member, batches).get_weights(),
        model.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)
