import keras
import numpy as np
import pytest
import tensorflow as tf
from searches import unsettle

from tfnas.search.hypernetwork import HYPERNETWORKS, MlpHypernetwork, PivotHypernetwork

POINT = tf.constant([0.2, 0.5, 0.3])


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_no_op_is_preferred_at_first(kind):
    alpha = HYPERNETWORKS[kind](3, 5, 3)(POINT)

    np.testing.assert_array_equal(alpha, np.zeros((5, 3)))


def test_the_nearest_pivots_reference_weighs_most():
    network = PivotHypernetwork(3, 1, 3)
    # references say which pivot they belong to; the first pivots of the grid lie at
    # the vertex of the last op, between it and the middle one, ...
    pivots = tf.nn.softmax(network.pivot_logits).numpy()
    nearest = int(np.argmin(np.sum((pivots - [0, 0, 1]) ** 2, axis=1)))
    references = np.zeros(network.references.shape, "float32")
    references[nearest] = [1.0, 2.0, 3.0]
    network.references.assign(references)

    at_vertex = network(tf.constant([0.0, 0.0, 1.0]))
    far_away = network(tf.constant([1.0, 0.0, 0.0]))

    # seven pivots: an equal mix would give 3 / 7
    assert at_vertex[0, 2] > 2 * 3 / 7 > 3 / 7 / 2 > far_away[0, 2]


def test_a_pivot_hypernetwork_is_the_softmax_mix_of_its_formula():
    network = PivotHypernetwork(3, 2, 3)
    rng = np.random.default_rng(0)
    references = rng.normal(size=network.references.shape).astype("float32")
    network.references.assign(references)

    pivots = tf.nn.softmax(network.pivot_logits).numpy()
    weights = np.exp(-2.0 * np.sum((POINT - pivots) ** 2, axis=1))
    expected = (weights / weights.sum()) @ references

    np.testing.assert_allclose(network(POINT), expected.reshape(2, 3), atol=1e-6)


def test_an_mlp_hypernetwork_is_one_hidden_layer_of_what_differs_from_even_shares():
    network = MlpHypernetwork(3, 2, 4, units=5)
    network(POINT)
    unsettle(network)

    kernel, bias, outer, shift = network.get_weights()
    # an even share of three axes is 1/3, which is fed in as 0
    expected = np.tanh([-0.4, 0.5, -0.1] @ kernel + bias) @ outer + shift
    assert kernel.shape == (3, 5)
    np.testing.assert_allclose(network(POINT), expected.reshape(2, 4), rtol=1e-5)


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_every_weight_gets_a_gradient(kind):
    network = HYPERNETWORKS[kind](3, 4, 3)
    network(POINT)
    unsettle(network)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(POINT) ** 2)

    gradients = tape.gradient(loss, network.trainable_variables)
    assert all(np.any(np.asarray(gradient) != 0) for gradient in gradients)


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_saved_weights_give_the_same_logits(kind, tmp_path):
    first, second = HYPERNETWORKS[kind](3, 4, 3), HYPERNETWORKS[kind](3, 4, 3)
    for network in (first, second):
        network(POINT)
    unsettle(first)
    first.save_weights(tmp_path / "h.weights.h5")
    second.load_weights(tmp_path / "h.weights.h5")

    np.testing.assert_array_equal(second(POINT), first(POINT))
    assert keras.saving.get_registered_name(type(first)).startswith("tfnas>")


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_axes_and_ops_are_two_numbers(kind):
    network = HYPERNETWORKS[kind](2, 4, 5)

    assert network(tf.constant([0.3, 0.7])).shape == (4, 5)
    assert HYPERNETWORKS[kind].from_config(network.get_config()).num_axes == 2
