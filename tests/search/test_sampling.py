import itertools

import numpy as np
import pytest
import tensorflow as tf
from searches import gumbel, softmax

from tfnas.search.hypernetwork import NEVER
from tfnas.search.sampling import (
    SAMPLERS,
    Draws,
    drawn_gradient,
    gumbel_softmax,
    score_gradient,
)
from tfnas.search.settings import SearchConfig

SEED = tf.constant([7, 0])
DRAWS = 8000


def even(num):
    """The uniform point."""
    return np.full(num, 1 / num, np.float32)


def test_gumbel_softmax_draws_shares_that_sum_to_one():
    gamma = gumbel_softmax(tf.zeros((100, 3)), 0.5, SEED)

    np.testing.assert_allclose(np.sum(gamma, axis=-1), 1, rtol=1e-5)
    assert np.min(gamma) >= 0


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_gumbel_softmax_is_the_papers_formula_at_any_temperature(temperature):
    logits = np.log([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]]).astype("float32")

    expected = softmax((logits + gumbel((2, 3), SEED)) / temperature)
    gamma = gumbel_softmax(logits, temperature, SEED)
    np.testing.assert_allclose(gamma, expected, rtol=1e-4)


def test_the_largest_share_is_distributed_as_the_softmax_of_the_logits():
    probabilities = np.array([0.2, 0.5, 0.3])
    gamma = gumbel_softmax(tf.zeros((20000, 3)) + np.log(probabilities), 1.0, SEED)

    counts = np.bincount(np.argmax(gamma, axis=-1)) / 20000
    # four standard deviations of a share among 20,000 draws
    np.testing.assert_allclose(counts, probabilities, atol=4 * 0.5 / np.sqrt(20000))


def test_networks_of_every_depth_are_drawn_alike_and_their_other_ops_by_the_start():
    # of 5 choices, each of which may be empty, 0 to 5 are; of the others one quarter
    # takes the second op, three quarters the third
    draws, empty = Draws(SearchConfig(), ["a", "b"]), np.array([True, False, False])
    start = np.tile(np.log([[1, 0.5, 1.5]]), (5, 1)).astype(np.float32)
    steps = 1800

    def counts(step):
        alpha = draws.even(start, empty, tf.constant([7, step]))
        ops = np.argmax(alpha + gumbel((5, 3), [8, step]), axis=-1)
        return np.bincount(ops, minlength=3)

    found = np.array([*map(counts, range(steps))])
    often = np.bincount(found[:, 0], minlength=6)
    # four standard deviations of a count, then of a share
    assert np.abs(often - steps / 6).max() < 4 * np.sqrt(steps * 5 / 36)
    _, second, third = found.sum(axis=0)
    total = second + third
    assert abs(second / total - 0.25) < 4 * np.sqrt(0.25 * 0.75 / total)


def test_what_may_not_stand_at_a_choice_is_never_drawn_and_an_only_op_always():
    draws, empty = Draws(SearchConfig(), ["a", "b"]), np.array([True, False, False])
    start = np.array([[NEVER, 0, 0], [0, 0, NEVER], [0, NEVER, NEVER]], np.float32)

    shares = tf.nn.softmax(draws.even(start, empty, SEED)).numpy()
    assert shares[0].tolist() == [0, 0.5, 0.5]
    assert shares[1, 2] == 0
    assert shares[2].tolist() == [1, 0, 0]


def test_a_low_temperature_makes_draws_nearly_one_hot():
    gamma = gumbel_softmax(tf.zeros((200, 3)), 0.01, SEED)

    assert np.median(np.max(gamma, axis=-1)) > 0.999


def test_in_sampled_mode_an_op_runs_whole_whatever_the_temperature():
    draws = Draws(SearchConfig(mode="sampled"), ["a", "b", "c"])
    alpha = tf.constant([[[0.2, 0.5, 0.3]] * 2] * 4)

    hot, cold = (draws.gamma(alpha, temperature, SEED) for temperature in (5.0, 0.1))

    np.testing.assert_array_equal(hot, cold)
    np.testing.assert_array_equal(np.sort(hot, axis=-1), [[[0, 0, 1]] * 2] * 4)


@pytest.mark.parametrize("name", SAMPLERS)
def test_points_are_on_the_simplex_and_no_op_is_preferred(name):
    points = np.stack([SAMPLERS[name](even(3), 1.0, (7, step)) for step in range(600)])

    np.testing.assert_allclose(points.sum(axis=1), 1, rtol=1e-5)
    # five standard deviations of a mean of 600 shares
    np.testing.assert_allclose(points.mean(axis=0), 1 / 3, atol=5 * 0.24 / 600**0.5)


@pytest.mark.parametrize("name", ["gumbel", "dirichlet"])
def test_a_draw_is_a_function_of_its_seed(name):
    first, again, other = (SAMPLERS[name](even(3), 1.0, (7, n)) for n in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert np.any(np.asarray(first) != other)


def drawn(config):
    """Points and levels of many draws."""
    draws = Draws(config, ("pool", "skip", "conv"))
    return [one.numpy() for one in draws.points([(7, 0), (7, 1)], DRAWS)]


def test_a_fixed_sampler_draws_one_point_and_all_strengths():
    points, levels = drawn(SearchConfig(sampler="fixed", focus="conv=0.6"))

    np.testing.assert_allclose(points, [[0.2, 0.2, 0.6]] * DRAWS, rtol=1e-6)
    assert -1 <= levels.min() < levels.max() <= 1
    # a strength is log-uniform; four standard deviations of a share of so many draws
    within = 4 * np.sqrt(1 / 4 * 3 / 4 / DRAWS)
    for low in (-1, -0.5, 0, 0.5):
        assert np.mean((low <= levels) & (levels < low + 0.5)) == pytest.approx(
            1 / 4, abs=within
        )


@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_gumbel_points_have_their_largest_share_as_often_as_the_focus_says(tau):
    points, _ = drawn(SearchConfig(focus="0.5,0.3,0.2", tau=tau))

    counts = np.bincount(np.argmax(points, axis=1)) / DRAWS
    np.testing.assert_allclose(counts, [0.5, 0.3, 0.2], atol=4 * 0.5 / DRAWS**0.5)


def test_a_lower_tau_draws_nearer_to_the_vertices():
    near, far = (drawn(SearchConfig(tau=tau))[0] for tau in (0.3, 1.0))

    # of two shares the ratio is logistic of scale 1 / tau, whatever the third is
    for points, tau in ((near, 0.3), (far, 1.0)):
        ratios = np.log(points[:, 0] / points[:, 1])
        chance = 2 / (1 + np.exp(2 * tau))  # of a ratio beyond e^2 either way
        within = 4 * np.sqrt(chance * (1 - chance) / DRAWS)
        assert np.mean(abs(ratios) > 2) == pytest.approx(chance, abs=within)


def test_every_draw_of_every_step_has_a_seed_of_its_own():
    draws = Draws(SearchConfig(seed=5), ("pool", "skip"))

    seeds = [[*map(int, s)] for step in (0, 1) for s in draws.seeds(step)]

    assert seeds == [[5, number] for number in range(16)]


@pytest.mark.parametrize(
    ("name", "num_ops", "most", "chance"),
    [
        # of two ops the share is even: a ratio of exponential draws, either way round
        ("gumbel", 2, 0.1, 0.1),
        ("gumbel", 2, 0.25, 0.25),
        ("dirichlet", 2, 0.1, 0.1),
        ("dirichlet", 2, 0.25, 0.25),
        # of three even over the triangle, what lies below t is 1 - (1 - t)^2
        ("dirichlet", 3, 0.1, 0.19),
        ("dirichlet", 3, 0.5, 0.75),
        # S_m = (1 / E_m) / (sum of 1 / E), E exponential: the integral over u in (0, 1)
        # of 1 / (1 + (1 / t - 1) u (1 - u))^2
        ("gumbel", 3, 0.1, 0.22182),
        ("gumbel", 3, 0.5, 0.74433),
    ],
)
def test_points_are_as_dense_as_their_distribution_says(name, num_ops, most, chance):
    focus = np.tile(even(num_ops), (DRAWS, 1))
    below = np.mean(SAMPLERS[name](focus, 1.0, SEED) <= most, axis=0)
    # four standard deviations of a share of so many draws
    within = 4 * np.sqrt(chance * (1 - chance) / DRAWS)
    np.testing.assert_allclose(below, [chance] * num_ops, atol=within)


def test_draws_are_judged_by_how_much_better_they_are_than_the_others():
    losses, gamma_bar = tf.constant([1.0, 2.0, 6.0]), tf.constant([[0.25, 0.75]])
    gamma = tf.constant([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]])

    # 1 - (2 + 6) / 2 = -3, 2 - 7 / 2 = -1.5 and 6 - 3 / 2 = 4.5, each times its
    # (0.75, -0.75) or (-0.25, 0.25), and a third of the sum
    expected = [[(-3 * 0.75 + 1.5 * 0.25 - 4.5 * 0.25) / 3]]
    np.testing.assert_allclose(
        score_gradient(losses, gamma, gamma_bar), expected * np.array([1, -1])
    )


def test_over_all_draws_it_is_the_gradient_of_the_expected_loss():
    rng = np.random.default_rng(0)
    alpha = tf.constant(rng.normal(size=(2, 2)))
    one_hot = np.array([np.eye(2)[[a, b]] for a in (0, 1) for b in (0, 1)])
    loss = dict(zip(range(4), rng.normal(size=4), strict=True))
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        shares = tf.nn.softmax(alpha)
        chances = [shares[0, a] * shares[1, b] for a in (0, 1) for b in (0, 1)]
        expected_loss = sum(chances[i] * loss[i] for i in loss)
    expected = tape.gradient(expected_loss, alpha)

    got = np.zeros((2, 2))
    for draws in itertools.product(loss, repeat=2):
        losses = tf.constant([loss[i] for i in draws])
        gradient = score_gradient(losses, one_hot[[*draws]], shares)
        got += np.prod([chances[i] for i in draws]) * gradient.numpy()

    np.testing.assert_allclose(got, expected)


def test_draws_are_compared_by_their_losses_on_a_third_of_the_batch():
    gamma = tf.constant([[[1.0, 0.0]], [[0.0, 1.0]]])
    gamma_bar = tf.constant([[0.5, 0.5]])
    images, classes = tf.constant([1.0, 2, 3, 100]), tf.constant([0.0, 4, 100, 100])

    def loss_of(x, y, one):  # a third of four, rounded up, are two
        return one[0, 0] * tf.reduce_sum(x) + tf.reduce_sum(y), one

    loss, logits, got = drawn_gradient(loss_of, (images, classes), gamma, gamma_bar)

    assert float(loss) == (3 + 4 + 4) / 2
    np.testing.assert_array_equal(logits, gamma[0])
    expected = score_gradient(tf.constant([7.0, 4.0]), gamma, gamma_bar)
    np.testing.assert_array_equal(got, expected)
