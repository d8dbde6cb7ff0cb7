from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from stand_ins import CPU_OP_MS, TINY, stand_in_table

from tfnas.networks.counts import count_params
from tfnas.search.prices import COSTS, Prices
from tfnas.search.settings import SearchConfig
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.chain import ChainSpace

WEIGHTS = {"latency_weight": 4.0, "params_weight": 2.0, "count_weight": 1.0}
TABLE = stand_in_table(TINY, {**CPU_OP_MS, "add": 0.5})
UNIFORM = np.full(3, 1 / 3, np.float32)
MIXTURE = np.full((4, 3), 1 / 3, np.float32)


def prices(table=TABLE):
    return Prices.of(table, SearchConfig(**WEIGHTS))


def terms(point, gamma_bar, of=None):
    found = (of or prices()).terms(point, gamma_bar)
    assert tuple(found) == COSTS
    return {name: float(value) for name, value in found.items()}


def one_hot(*indices):
    return np.eye(3, dtype=np.float32)[list(indices)]


def test_the_uniform_mixture_costs_the_weights_at_the_uniform_point():
    found = terms(UNIFORM, MIXTURE)

    assert found == pytest.approx({"latency": 4.0, "params": 2.0, "count": 1.0})


def test_latency_is_the_tables_over_that_of_the_uniform_mixture():
    # pool 1 ms, identity 0, convolution 3; a sum of 0.5 in each of three cells. Edges
    # of a normal cell are in one cell, of a reduction cell in two: 6 sites in all
    mixture_ms = 6 * (1 + 0 + 3) / 3 + 3 * 0.5
    member = Architecture(TINY, (0, 2, 1, 2))  # pool, conv; identity, conv
    member_ms = (1 + 3 + 2 * (0 + 3)) + 3 * 0.5

    assert TABLE.sum_ms(member) == 2 + member_ms
    found = terms(UNIFORM, one_hot(*member.indices))
    assert found["latency"] == pytest.approx(4 * member_ms / mixture_ms)


def test_parameters_are_those_of_the_ops_over_those_of_the_mixture():
    empty, member = Architecture(TINY, (0,) * 4), Architecture(TINY, (2, 0, 0, 1))
    each = [Architecture(TINY, (op,) * 4) for op in range(3)]
    base = count_params(empty)  # pools have none
    mixture = sum(count_params(one) - base for one in each) / 3

    found = terms(UNIFORM, one_hot(*member.indices))
    expected = 2 * (count_params(member) - base) / mixture
    assert found["params"] == pytest.approx(expected)


def test_each_op_is_weighed_by_its_share_of_the_point():
    point, gamma = np.array([0.2, 0.5, 0.3], np.float32), one_hot(0, 0, 2, 1)

    # an op's price is three times its share; mu / E = 1 / 4
    found = terms(point, gamma)
    assert found["count"] == pytest.approx(3 * (2 * 0.2 + 0.3 + 0.5) / 4)
    sums_ms, mixture_ms = 1.5, 8 + 1.5
    ops_ms = 3 * (0.2 * 2 * 1 + 0.3 * 2 * 3)  # pools of one cell, convolution of two
    assert found["latency"] == pytest.approx(4 * (ops_ms + sums_ms) / mixture_ms)


def test_ops_of_one_axis_share_its_price():
    space = ChainSpace(
        (8, 8, 1),
        3,
        stages=((16, 3, 1),),
        ops=("skip", "conv_3x3", "ir_k3_e3"),
        groups=(("none", ("skip",)), ("some", ("conv_3x3", "ir_k3_e3"))),
    )
    costs = {"skip": 0.0, "conv_3x3": 1.0, "ir_k3_e3": 2.0, "add": 0.0}
    of = prices(stand_in_table(space, costs))

    found = terms(np.array([0.2, 0.8], np.float32), one_hot(0, 1, 2), of)
    assert found["count"] == pytest.approx(2 * (0.2 + 0.8 + 0.8) / 3)
    assert found["latency"] == pytest.approx(4 * 2 * 0.8 * (1 + 2) / 3)


def test_ops_that_the_target_does_not_run_do_not_count_in_the_references():
    rows = {
        site: replace(row, flags=("unusable",)) if site.op == "sep_conv_3x3" else row
        for site, row in TABLE.rows.items()
    }
    of = prices(replace(TABLE, rows=rows))

    half = np.tile(np.array([0.5, 0.5, 0], np.float32), (4, 1))
    assert terms(UNIFORM, half, of)["latency"] == pytest.approx(4.0)


def test_costs_that_are_0_for_every_op_leave_no_nan():
    free = stand_in_table(TINY, dict.fromkeys(CPU_OP_MS, 0.0))

    assert terms(UNIFORM, MIXTURE, prices(free))["latency"] == 0


def test_the_terms_gradient_lowers_a_dear_op():
    alpha = tf.zeros((4, 3))
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        found = prices().terms(tf.constant([0.8, 0.1, 0.1]), tf.nn.softmax(alpha))
        count = found["count"]

    # of an op with price p: gamma (p - mean of p), here 3 (S - 1/3) / 3 / E
    expected = [[(0.8 - 1 / 3) / 4, (0.1 - 1 / 3) / 4, (0.1 - 1 / 3) / 4]] * 4
    np.testing.assert_allclose(tape.gradient(count, alpha), expected, rtol=1e-5)
