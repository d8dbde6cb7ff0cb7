import keras
import numpy as np
import pytest
import tensorflow as tf
from searches import unsettle

from tfnas.search.hypernetwork import (
    HYPERNETWORKS,
    NEVER,
    MlpHypernetwork,
    PivotHypernetwork,
    starting_logits,
)

# Level 0.3: between strengths 1 and 10, nearer to 1.
LEVEL = tf.constant(0.3)
PLACE = tf.constant([0.2, 0.5, 0.3]), LEVEL


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_no_op_is_preferred_at_first(kind):
    alpha = HYPERNETWORKS[kind](3, 5, 3)(*PLACE)

    np.testing.assert_array_equal(alpha, np.zeros((5, 3)))


def test_the_op_with_most_weights_is_ahead_of_those_that_run_and_may_stand():
    params = np.array([[0, 20, 80], [0, 30, 60], [0, 0, 0]])
    usable = np.array([[True, True, True], [True, True, False], [True, True, False]])

    start = starting_logits(params, usable)

    np.testing.assert_allclose(start, [[0, 0.125, 0.5], [0, 0.5, NEVER], [0, 0, NEVER]])


@pytest.mark.parametrize("num_axes", [3, 5, 7, 10])
def test_a_vertex_gives_its_own_pivot_nearly_half_however_many_axes_there_are(num_axes):
    network = PivotHypernetwork(num_axes, 1, 1)
    pivots = tf.nn.softmax(network.pivot_logits).numpy()
    for vertex in np.eye(num_axes, dtype="float32"):
        own = np.argmin(np.sum((pivots - vertex) ** 2, axis=1))
        references = np.zeros(network.references.shape, "float32")
        references[own] = 1.0  # all else is 0: alpha is the pivot's share
        network.references.assign(references)

        assert float(network(vertex, LEVEL)[0, 0]) == pytest.approx(0.47, abs=1e-3)


@pytest.mark.parametrize("num_axes", [3, 5, 7, 10])
@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_what_is_dear_at_a_vertex_is_soon_rare_there_and_nowhere_else(kind, num_axes):
    network = HYPERNETWORKS[kind](num_axes, 1, num_axes)
    vertices, optimizer = tf.eye(num_axes), keras.optimizers.Adam(0.1)
    for _ in range(5):
        with tf.GradientTape() as tape:
            rows = [tf.nn.softmax(network(vertex, LEVEL)[0]) for vertex in vertices]
            price = tf.reduce_sum(vertices * tf.stack(rows))
        gradients = tape.gradient(price, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)

    np.testing.assert_array_equal(np.argmin(rows, axis=1), np.arange(num_axes))


def test_a_pivot_hypernetwork_is_the_softmax_mix_of_its_formula():
    network = PivotHypernetwork(3, 2, 3)
    rng = np.random.default_rng(0)
    references = rng.normal(size=network.references.shape).astype("float32")
    network.references.assign(references)
    point, level = (one.numpy() for one in PLACE)

    pivots = tf.nn.softmax(network.pivot_logits).numpy()
    # 2.024: at a vertex, its pivot has 0.47 of the share of all seven
    weights = np.exp(-2.024 * np.sum((point - pivots) ** 2, axis=1))
    by_level = np.tensordot(weights / weights.sum(), references, 1)
    levels = np.linspace(-1, 1, len(by_level))
    # between the levels of its references alpha is a straight line
    expected = [np.interp(level, levels, logits) for logits in by_level.T]

    np.testing.assert_allclose(network(*PLACE), np.reshape(expected, (2, 3)), atol=1e-4)


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_each_op_answers_to_the_price_of_its_own_axis(kind):
    network = HYPERNETWORKS[kind](3, 2, 4, [0, 2, 2, 1])
    network(*PLACE)
    gains = np.arange(1.0, 9.0, dtype="float32").reshape(2, 4)
    network.gains.assign(gains)

    # r A S = 10^0.3 * 3 * (0.2, 0.5, 0.3); the rest of the logits is 0 at first
    a, b, c = np.log(1 + 1.99526 * np.array([0.6, 1.5, 0.9]))
    np.testing.assert_allclose(network(*PLACE), -gains * [a, c, c, b], rtol=1e-5)


def test_an_mlp_hypernetwork_is_one_hidden_layer_of_what_differs_from_even_shares():
    network = MlpHypernetwork(3, 2, 4, [0, 1, 2, 2], units=5)
    network(*PLACE)
    unsettle(network)
    network.gains.assign(np.zeros((2, 4)))

    _, kernel, bias, outer, shift = network.get_weights()
    # an even share of three axes is 1/3, which is fed in as 0
    expected = np.tanh([-0.4, 0.5, -0.1, 0.3] @ kernel + bias) @ outer + shift
    assert kernel.shape == (4, 5)
    np.testing.assert_allclose(network(*PLACE), expected.reshape(2, 4), rtol=1e-5)


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_every_weight_gets_a_gradient(kind):
    network = HYPERNETWORKS[kind](3, 4, 3)
    network(*PLACE)
    unsettle(network)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(*PLACE) ** 2)

    gradients = tape.gradient(loss, network.trainable_variables)
    assert all(np.any(np.asarray(gradient) != 0) for gradient in gradients)


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_saved_weights_give_the_same_logits(kind, tmp_path):
    first, second = HYPERNETWORKS[kind](3, 4, 3), HYPERNETWORKS[kind](3, 4, 3)
    for network in (first, second):
        network(*PLACE)
    unsettle(first)
    first.save_weights(tmp_path / "h.weights.h5")
    second.load_weights(tmp_path / "h.weights.h5")

    np.testing.assert_array_equal(second(*PLACE), first(*PLACE))
    assert keras.saving.get_registered_name(type(first)).startswith("tfnas>")


@pytest.mark.parametrize("kind", HYPERNETWORKS)
def test_axes_and_ops_are_two_numbers(kind):
    network = HYPERNETWORKS[kind](2, 4, 5, [0, 0, 1, 1, 1])

    assert network(tf.constant([0.3, 0.7]), LEVEL).shape == (4, 5)
    assert HYPERNETWORKS[kind].from_config(network.get_config()).num_axes == 2
