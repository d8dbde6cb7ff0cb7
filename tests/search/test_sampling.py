import numpy as np
import pytest
import tensorflow as tf

from tfnas.search.sampling import SAMPLERS, gumbel_softmax, straight_through

SEED = tf.constant([7, 0])


def test_gumbel_softmax_draws_shares_that_sum_to_one():
    gamma = gumbel_softmax(tf.zeros((100, 3)), 0.5, SEED)

    np.testing.assert_allclose(np.sum(gamma, axis=-1), 1, rtol=1e-5)
    assert np.min(gamma) >= 0


def test_the_largest_share_is_distributed_as_the_softmax_of_the_logits():
    probabilities = np.array([0.2, 0.5, 0.3])
    gamma = gumbel_softmax(tf.zeros((20000, 3)) + np.log(probabilities), 1.0, SEED)

    counts = np.bincount(np.argmax(gamma, axis=-1)) / 20000
    # four standard deviations of a share among 20,000 draws
    np.testing.assert_allclose(counts, probabilities, atol=4 * 0.5 / np.sqrt(20000))


def test_a_low_temperature_makes_draws_nearly_one_hot():
    gamma = gumbel_softmax(tf.zeros((200, 3)), 0.01, SEED)

    assert np.median(np.max(gamma, axis=-1)) > 0.999


def test_straight_through_is_one_hot_with_the_gradient_of_the_shares():
    shares = tf.constant([[0.2, 0.5, 0.3]])
    with tf.GradientTape() as tape:
        tape.watch(shares)
        hard = straight_through(shares)
        loss = tf.reduce_sum(hard * [[1.0, 2.0, 3.0]])

    np.testing.assert_allclose(hard, [[0, 1, 0]], atol=1e-7)
    np.testing.assert_array_equal(tape.gradient(loss, shares), [[1, 2, 3]])


@pytest.mark.parametrize("name", SAMPLERS)
def test_points_are_on_the_simplex_and_no_op_is_preferred(name):
    points = np.stack([SAMPLERS[name](3, (7, step)) for step in range(600)])

    np.testing.assert_allclose(points.sum(axis=1), 1, rtol=1e-5)
    # five standard deviations of a mean of 600 shares
    np.testing.assert_allclose(points.mean(axis=0), 1 / 3, atol=5 * 0.24 / 600**0.5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_draw_is_a_function_of_its_seed(name):
    first, again, other = (SAMPLERS[name](3, (7, step)) for step in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert np.any(np.asarray(first) != other)
