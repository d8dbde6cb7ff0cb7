"""What one step moves, from where, and by how much."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from searches import first_pair, graph, gumbel, make, same, softmax, unsettle, values
from stand_ins import TINY, stand_in_table

from tfnas.search.sampling import score_gradient
from tfnas.search.search import make_search
from tfnas.search.settings import SearchConfig

SEED, STEP, TEMPERATURE = 5, 3, 0.7


def unsettled(**settings):
    """A search that prefers other ops at every point, in the midst of its steps."""
    search = make(seed=SEED, **settings)
    unsettle(search.hypernetwork)
    search.temperature.assign(TEMPERATURE)
    search.optimizer.iterations.assign(STEP)
    return search


def drawn(half, step=STEP):
    """Point, level and noise of a half's turn: each draw has a seed of its own."""
    first = 8 * step + 3 * half
    point = softmax(gumbel((3,), [SEED, first]))
    level = tf.random.stateless_uniform((), [SEED, first + 1], -1.0, 1.0)
    return point, level, gumbel((4, 3), [SEED, first + 2])


def drawn_prices(count):
    """Points and levels of a step's prices: the seeds after those of both halves."""
    points = softmax(gumbel((count, 3), [SEED, 8 * STEP + 6]))
    levels = tf.random.stateless_uniform((count,), [SEED, 8 * STEP + 7], -1.0, 1.0)
    return zip(points, levels, strict=True)


def priced(search, point, level):
    gamma_bar = tf.nn.softmax(search.logits(point, level))
    terms = search.prices.terms(tf.constant(point), gamma_bar)
    return search.config.strength(level) * sum(terms.values())


def relaxed_ops(alpha, noise, mode):
    """What runs, and the shares that its gradient goes to."""
    gamma = tf.nn.softmax((alpha + noise) / TEMPERATURE)
    best = tf.one_hot(tf.argmax(gamma, axis=-1), 3)
    return (best if mode == "sampled" else tf.identity(gamma)), gamma


def task_loss(search, batch, gamma):
    x, y = batch
    logits = search.supernet([x, gamma], training=True)
    return -tf.reduce_mean(tf.gather(tf.nn.log_softmax(logits), y, batch_dims=1))


def assert_steps(before, after, gradients, rate=0.1):
    for old, new, gradient in zip(before, after, gradients, strict=True):
        # a float32 of about 1 has steps of 1e-7
        np.testing.assert_allclose(old - new, rate * gradient, rtol=1e-3, atol=1e-6)


def task_gradients(search, batch, gamma):
    """Loss, and its gradients by the weights."""
    variables = [one.value for one in search.supernet.trainable_variables]
    with tf.GradientTape() as tape:
        loss = task_loss(search, batch, gamma)
    return loss, tape.gradient(loss, variables, unconnected_gradients="zero")


LARGEST = tf.one_hot([2, 2, 2, 2], 3)  # convolutions have most parameters


@pytest.mark.parametrize(
    ("mode", "turns"),
    [
        # every fourth step is for the largest member, where one op of a choice runs
        ("sampled", {STEP: None, 4: LARGEST, 5: None, 8: LARGEST}),
        ("soft", {4: None}),
    ],
)
def test_the_weights_step_along_the_gradient_where_their_half_drew(
    tiny_data, mode, turns
):
    search, first = unsettled(mode=mode), first_pair(tiny_data)
    move = graph(search)

    for step, gamma in turns.items():
        search.optimizer.iterations.assign(step)
        *place, noise = drawn(0, step)
        if gamma is None:
            alpha = search.logits(*place) if mode == "soft" else search.start
            gamma, _ = relaxed_ops(alpha, noise, mode)
        before = values(search.supernet)
        loss, gradients = task_gradients(search, first[0], gamma)
        facts = move(first)

        assert_steps(before, values(search.supernet), gradients)
        assert float(facts["loss"]) == pytest.approx(float(loss), rel=1e-5)


def test_in_the_warm_up_both_halves_move_the_weights_and_the_hypernetwork_rests(
    tiny_data,
):
    search, first = unsettled(mode="sampled", count_weight=4.0), first_pair(tiny_data)
    search.compile(keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1))
    move = graph(search)
    move(first)  # so that there are moments to keep
    resting = (search.hypernetwork, search.arch_optimizer)
    rested = [np.array(v) for model in resting for v in model.variables]
    before = values(search.supernet)
    search.optimizer.iterations.assign(STEP)
    facts = move(first, warm_up=True)
    after = values(search.supernet)

    assert same(rested, [np.array(v) for model in resting for v in model.variables])
    assert int(search.optimizer.iterations) == STEP + 2
    assert float(facts["count_pull"]) > float(facts["task_pull"]) == 0
    for half, name in enumerate(("loss", "val_half_loss")):
        for variable, value in zip(
            search.supernet.trainable_variables, before, strict=True
        ):
            variable.assign(value)
        *_, noise = drawn(half)
        gamma, _ = relaxed_ops(search.start, noise, "sampled")
        loss, gradients = task_gradients(search, first[half], gamma)
        assert float(facts[name]) == pytest.approx(float(loss), rel=1e-5)
        before = [w - 0.1 * g for w, g in zip(before, gradients, strict=True)]
    for value, expected in zip(after, before, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", ["sampled", "soft"])
def test_the_hypernetwork_steps_by_loss_where_it_drew_and_by_prices_of_many_draws(
    tiny_data, mode, monkeypatch
):
    monkeypatch.setattr("tfnas.search.search._PRICED", 2)
    search = unsettled(mode=mode, latency_weight=4.0, count_weight=2.0)
    first, (point, level, noise) = first_pair(tiny_data), drawn(1)
    network, before = search.hypernetwork, values(search.hypernetwork)
    facts = graph(search)(first)
    after = values(network)

    for variable, value in zip(network.trainable_variables, before, strict=True):
        variable.assign(value)  # back to where the step began; the weights had moved
    with tf.GradientTape(persistent=True) as tape:
        alpha = search.logits(point, level)
        price = sum(priced(search, *pair) for pair in drawn_prices(2)) / 2
        if mode == "soft":
            run, _ = relaxed_ops(alpha, noise, mode)
            loss = total = task_loss(search, first[1], run)
        else:
            draws = gumbel((4, 4, 3), [SEED, 8 * STEP + 5])
            runs = [relaxed_ops(alpha, draw, mode)[0] for draw in draws]
            third = [part[: -(-len(part) // 3)] for part in first[1]]
            losses = [task_loss(search, third, run) for run in runs]
            loss = sum(losses) / 4
            pull = score_gradient(
                tf.stack(losses), tf.stack(runs), tf.nn.softmax(alpha)
            )
            total = tf.reduce_sum(alpha * tf.stop_gradient(pull))
    by_task, by_price = (
        tape.gradient(one, network.trainable_variables) for one in (total, price)
    )

    assert_steps(before, after, [a + b for a, b in zip(by_task, by_price, strict=True)])
    assert float(facts["val_half_loss"]) == pytest.approx(float(loss), rel=1e-5)
    assert float(facts["price"]) == pytest.approx(float(price), rel=1e-5)


def test_weights_step_by_clipped_momentum_and_decay_along_a_cosine():
    # 2 epochs of 2 steps, of which one is warm-up and moves the weights twice
    config = SearchConfig(epochs=2, weight_lr=0.1, weight_decay=0.01, warmup=0.3)
    search = make_search(config, stand_in_table(TINY), steps=2)
    variables = search.supernet.trainable_variables
    first, velocity = values(search.supernet)[0], 0.0

    for step, norm in enumerate((10.0, 2.0, 10.0)):  # of all weights' gradients
        pull = norm / sum(value.size for value in values(search.supernet)) ** 0.5
        search.optimizer.apply([pull + tf.zeros(v.shape) for v in variables], variables)
        rate = 0.1 * (1 + math.cos(math.pi * step / 5)) / 2
        velocity = 0.9 * velocity - rate * pull * min(1, 5 / norm)
        first = first - rate * 0.01 * first + velocity
        np.testing.assert_allclose(variables[0], first, rtol=1e-5, atol=1e-7)


def test_the_hypernetwork_steps_by_adam_that_forgets_half_each_time():
    search = make_search(SearchConfig(arch_lr=0.01), stand_in_table(TINY), steps=1)
    variables = search.hypernetwork.trainable_variables
    before = values(search.hypernetwork)

    for gradient in (1.0, -3.0):
        equal = [gradient + tf.zeros(v.shape) for v in variables]
        search.arch_optimizer.apply(equal, variables)

    # the first step is the rate; means: 1/2, then 1/4 - 3/2, over 1 - 1/4: -5/3;
    # squares: 0.001, then 0.000999 + 0.009, over 1 - 0.999^2
    back = (5 / 3) / ((0.000999 + 0.009) / (1 - 0.999**2)) ** 0.5
    for old, new in zip(before, values(search.hypernetwork), strict=True):
        np.testing.assert_allclose(new - old, 0.01 * (back - 1), rtol=1e-3)
