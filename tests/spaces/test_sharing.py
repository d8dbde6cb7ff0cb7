import random
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from keras import ops as keras_ops
from stand_ins import TINY, stand_in_table

from tfnas.errors import SettingsError
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.chain import ChainSpace

# Pools and identities of one state merge; sums that begin with them do, too.
MERGING = ("max_pool_3x3", "skip_connect", "sep_conv_3x3")
WITH_NONE = ("none", "avg_pool_3x3", "skip_connect", "max_pool_3x3", "conv_1x1")
CHAIN = ("skip", "ir_k3_e1", "conv_3x3")


def priced(space):
    """A table with another price for every op, and one for sums."""
    prices = {op: 1 + 0.37 * number for number, op in enumerate(space.ops)}
    return stand_in_table(space, {**prices, "none": 0.0, "skip": 0.0, "add": 0.113})


def many(space, count):
    """Random architectures, most of whose ops are those that cost nothing or merge."""
    rng, found = random.Random(0), []
    while len(found) < count:
        heavy = rng.random()
        weights = [heavy if op.endswith(("3x3", "1x1")) else 1 for op in space.ops]
        picks = rng.choices(range(len(space.ops)), weights, k=len(space.choices))
        try:
            found.append(Architecture(space, tuple(picks)))
        except SettingsError:
            continue
    return found


@pytest.mark.parametrize(
    "space",
    [
        CellSpace((9, 8, 1), 3, channels=4, ops=MERGING),
        CellSpace((9, 8, 1), 3, channels=4, ops=WITH_NONE),
        CellSpace((9, 8, 1), 3, nodes=2, channels=4, ops=("none", "skip_connect")),
        ChainSpace((9, 8, 1), 3, ops=CHAIN),
    ],
    ids=["merging", "with none", "none or identity", "chain"],
)
def test_a_one_hot_network_costs_what_the_table_says_of_it(space):
    table = priced(space)

    for network in many(space, 100):
        gamma = np.eye(len(space.ops))[list(network.indices)]
        assert float(table.relaxed_ms(gamma)) == pytest.approx(
            table.sum_ms(network), rel=1e-5
        )


def test_equal_pools_that_may_stand_are_paid_once_in_expectation():
    space = replace(TINY, nodes=2, cells=1)  # one reduction cell
    table = stand_in_table(
        space, {"max_pool_3x3": 1, "skip_connect": 0, "add": 0} | {"sep_conv_3x3": 3}
    )
    gamma = np.zeros((len(space.choices), 3))
    gamma[:, 1] = 1
    # two edges leave input 0: to the first node and to the second
    first, second = (
        space.choices.index(name) for name in ("reduction 0->2", "reduction 0->3")
    )
    gamma[first] = [0.5, 0.5, 0]
    gamma[second] = [0.25, 0.75, 0]

    assert float(table.relaxed_ms(gamma)) == pytest.approx(2 + 1 - 0.5 * 0.75)


def test_the_expected_cost_is_that_of_independent_draws():
    space = CellSpace((9, 8, 1), 3, nodes=3, cells=1, channels=4, ops=MERGING)
    table, rng = priced(space), np.random.default_rng(0)
    gamma = rng.dirichlet([1.0, 1.0, 0.3], len(space.choices))

    costs = [
        table.sum_ms(Architecture(space, tuple(rng.choice(3, p=row) for row in gamma)))
        for _ in range(4000)
    ]
    error = np.std(costs) / np.sqrt(len(costs))
    assert float(table.relaxed_ms(gamma)) == pytest.approx(
        np.mean(costs), abs=4 * error
    )


def test_tensorflow_computes_what_numpy_does_at_many_points_and_a_gradient():
    space = CellSpace((9, 8, 1), 3, channels=4, ops=WITH_NONE)
    table, rng = priced(space), np.random.default_rng(0)
    gammas = rng.dirichlet([1.0] * 5, (2, len(space.choices)))

    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(gammas, tf.float32))
        paid, joined = space.shared(tensor, keras_ops)
        ops_ms = tf.reduce_sum(paid * table.matrix(), (1, 2))
        costs = table.skeleton_ms + ops_ms + tf.linalg.matvec(joined, table.joins_ms())

    expected = [float(table.relaxed_ms(gamma)) for gamma in gammas]
    np.testing.assert_allclose(costs, expected, rtol=1e-5)
    np.testing.assert_allclose(table.relaxed_ms(gammas), expected, rtol=1e-5)
    slopes = tape.gradient(costs, tensor).numpy()
    up, down = gammas[1].copy(), gammas[1].copy()
    up[3, 1], down[3, 1] = up[3, 1] + 1e-4, down[3, 1] - 1e-4
    difference = float(table.relaxed_ms(up) - table.relaxed_ms(down)) / 2e-4
    assert slopes[1, 3, 1] == pytest.approx(difference, rel=1e-3)
