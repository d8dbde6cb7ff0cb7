import numpy as np
import pytest
import tensorflow as tf
from stand_ins import TINY

from tfnas.networks.counts import params_matrix
from tfnas.search.prices import PriceWeights, expected_ms, price, unit_prices

PARAMS = np.array([[0.0, 10.0], [0.0, 30.0]])
LATENCY_MS = np.array([[1.0, 2.0], [3.0, 2.0]])


def test_unit_prices_are_shares_of_the_uniform_mixture():
    prices = unit_prices(PARAMS, LATENCY_MS, PriceWeights(2.0, 4.0, 1.0))

    # P_ref = (0 + 10) / 2 + (0 + 30) / 2 = 20, T_ref = 1.5 + 2.5 = 4, mu / E = 0.5
    expected = [
        [2 * 0 / 20 + 4 * 1 / 4 + 0.5, 2 * 10 / 20 + 4 * 2 / 4 + 0.5],
        [2 * 0 / 20 + 4 * 3 / 4 + 0.5, 2 * 30 / 20 + 4 * 2 / 4 + 0.5],
    ]
    np.testing.assert_allclose(prices, expected)


def test_the_uniform_mixture_costs_the_sum_of_the_weights_at_the_uniform_point():
    prices = unit_prices(PARAMS, LATENCY_MS, PriceWeights(2.0, 4.0, 1.0))

    total = price(np.full(2, 0.5), np.full((2, 2), 0.5), prices)

    assert float(total) == pytest.approx(2 + 4 + 1)


def test_the_price_weighs_each_op_by_its_share_of_the_point():
    prices = np.array([[1.0, 10.0], [2.0, 20.0]])
    gamma_bar = np.array([[1.0, 0.0], [0.0, 1.0]])

    assert float(price(np.array([0.25, 0.75]), gamma_bar, prices)) == 2 * (
        0.25 * 1 + 0.75 * 20
    )


def test_ops_that_cost_nothing_leave_no_nan():
    prices = unit_prices(np.zeros((2, 2)), LATENCY_MS, PriceWeights(1.0, 0.0, 1.0))

    np.testing.assert_array_equal(prices, np.full((2, 2), 0.5))


def test_the_prices_gradient_lowers_a_dear_op():
    alpha = tf.Variable([[0.0, 0.0]])
    with tf.GradientTape() as tape:
        cost = price(
            tf.constant([0.9, 0.1]), tf.nn.softmax(alpha), np.ones((1, 2), "f")
        )

    gradient = tape.gradient(cost, alpha)
    # k S gamma (1 - gamma) differences: 2 * (0.9 - 0.1) * 0.25
    np.testing.assert_allclose(gradient, [[0.4, -0.4]], rtol=1e-6)


def test_expected_latency_weighs_and_adds():
    gamma_bar = np.array([[1.0, 0.0], [0.5, 0.5]])

    assert float(expected_ms(gamma_bar, LATENCY_MS)) == 1.0 + 2.5


def test_parameters_of_a_choice_are_summed_over_its_sites():
    # choice 2 is an edge of both reduction cells, with 8 and 16 channels, stride 2:
    # an identity is a 1x1 convolution there
    convolution = [2 * (9 * c + c * c) + 4 * c for c in (8, 16)]
    identity = [c * c + 2 * c for c in (8, 16)]

    assert params_matrix(TINY)[2].tolist() == [0, sum(identity), sum(convolution)]
