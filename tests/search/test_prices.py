from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from searches import at_uniform, make
from stand_ins import CPU_OP_MS, TINY, stand_in_table

from tfnas.search.prices import (
    PriceWeights,
    expected_ms,
    price,
    relaxed_latency_ms,
    unit_prices,
)
from tfnas.search.search import Search

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


def test_ops_of_one_axis_share_its_price():
    prices = np.array([[1.0, 10.0, 100.0]])
    gamma_bar = np.array([[0.5, 0.25, 0.25]])

    total = price(np.array([0.2, 0.8]), gamma_bar, prices, (1, 0, 1))

    assert float(total) == pytest.approx(2 * (0.8 * 0.5 + 0.2 * 2.5 + 0.8 * 25))


def test_ops_that_may_not_stand_do_not_count_in_the_references():
    allowed = np.array([[True, True], [False, True]])

    prices = unit_prices(PARAMS, LATENCY_MS, PriceWeights(2.0, 0.0, 0.0), allowed)

    # the uniform mixture of what is allowed has (0 + 10) / 2 and 30 parameters
    np.testing.assert_allclose(prices, 2 * PARAMS / 35, rtol=1e-6)


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


def relaxed(search):
    return relaxed_latency_ms(search.table, at_uniform(search))


def test_expected_latency_is_the_calibrated_sum_of_the_uniform_mixture():
    # alpha is 0 at first: every op a third. Table: pool 1, identity 0, convolution 3
    # at 2 normal and 2 x 2 reduction sites; skeleton 2; offset 1, scale 2
    mixture = 6 * (1 + 0 + 3) / 3
    # and a sum of 0.5 at the one node of each of three cells
    search = Search(TINY, stand_in_table(TINY, {**CPU_OP_MS, "add": 0.5}))

    assert relaxed(make()) == pytest.approx(1 + 2 * (2 + mixture))
    assert relaxed(search) == pytest.approx(1 + 2 * (2 + mixture + 1.5))


def test_an_edge_that_is_likely_none_is_added_to_its_node_as_rarely():
    space = replace(TINY, ops=("none", "skip_connect"))
    table = stand_in_table(space, {"none": 0.0, "skip_connect": 0.0, "add": 0.5})

    assert relaxed(Search(space, table)) == pytest.approx(1 + 2 * (2 + 1.5 / 2))
