import math
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from searches import (
    at_uniform,
    ends,
    first_pair,
    fit,
    gumbel,
    make,
    same,
    softmax,
    unsettle,
    values,
)
from stand_ins import TINY, stand_in_table

from tfnas.data.halves import search_batches
from tfnas.errors import SettingsError, TableError
from tfnas.search.derive import shares
from tfnas.search.search import Search, load_search, make_search
from tfnas.search.settings import SearchConfig
from tfnas.spaces.cell import CellSpace
from tfnas.targets.measurement import UNUSABLE


def test_weights_learn_from_the_first_half_alone(tiny_data):
    search = make(arch_lr=0.0)
    plain, second_spoiled, first_spoiled = ends(search, tiny_data, (None, 1, 0))

    assert same(plain[0], second_spoiled[0])
    assert not same(plain[0], first_spoiled[0])
    assert np.all(search.alpha() == 0)


@pytest.mark.parametrize("mode", ["sampled", "soft"])
def test_the_hypernetwork_learns_from_the_second_half_alone(tiny_data, mode):
    search = make(lr=0.0, mode=mode)
    plain, first_spoiled, second_spoiled = ends(search, tiny_data, (None, 0, 1))

    assert same(plain[1], first_spoiled[1])
    assert not same(plain[1], second_spoiled[1])


@pytest.mark.parametrize("hypernetwork", ["pivot", "mlp"])
def test_an_op_with_a_high_price_disappears_and_the_others_stay(
    tiny_data, hypernetwork
):
    search = make(count_weight=50.0, hypernetwork=hypernetwork)
    fit(search, tiny_data, epochs=10)

    for dear in range(3):
        point = [0.1, 0.1, 0.1]
        point[dear] = 0.8
        op = TINY.ops[dear]
        assert search.derive(point).op_counts[op] == 0


def test_an_op_that_the_target_does_not_run_is_never_drawn(tiny_data):
    table = stand_in_table(TINY)
    unusable = {
        site: replace(row, flags=(UNUSABLE,))
        for site, row in table.rows.items()
        if site.op == "max_pool_3x3"
    }
    search = Search(TINY, replace(table, rows={**table.rows, **unusable}))
    search.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    fit(search, tiny_data)

    pools_free = search.derive((0.0, 0.5, 0.5))
    assert pools_free.op_counts["max_pool_3x3"] == 0
    assert np.isfinite(search.alpha((0.0, 0.5, 0.5))).all()
    assert shares(TINY, at_uniform(search))["max_pool_3x3"] == 0


def test_history_holds_means_over_the_epoch_and_over_the_validation_images(tiny_data):
    search, losses, single = make(lr=0.0, arch_lr=0.0), [], []
    pairs, validation, steps = search_batches(tiny_data, 32, 0, range(1))

    class Collect(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(logs["loss"])

    history = search.fit(
        pairs,
        validation_data=validation,
        steps_per_epoch=steps,
        verbose=0,
        shuffle=False,
        callbacks=[Collect()],
    ).history

    ((x, y),) = validation  # 32 images: one batch
    expected = search.compute_loss(y=y, y_pred=search(x))
    assert history["val_loss"] == [pytest.approx(float(expected), rel=1e-4)]
    # the mean after the last of the steps is the epoch's
    assert history["loss"] == [losses[-1]]
    again = make(lr=0.0, arch_lr=0.0)
    for batch in pairs.take(steps):
        single.append(float(again.step(batch)["loss"]))
        again.optimizer.iterations.assign(len(single))
    assert losses[-1] == pytest.approx(np.mean(single), rel=1e-4)


def test_pulls_are_the_gradients_of_both_terms_by_the_logits(tiny_data):
    first = first_pair(tiny_data)

    facts = make(count_weight=1.0).step(first)

    # all logits are 0: gamma_bar = 1/3, the price is 3 S_m / 4 for each of 4 choices,
    # and its gradient gamma_bar (S_m - 1/3) 3/4 along op m
    assert float(facts["price"]) == pytest.approx(1.0, rel=1e-5)
    assert 0 < float(facts["price_pull"]) < 4**0.5 * (1 / 3) * (3 / 4) * (2 / 3) ** 0.5
    assert float(facts["task_pull"]) > 0
    free = make().step(first)
    assert float(free["price_pull"]) == 0
    assert float(free["task_pull"]) == pytest.approx(float(facts["task_pull"]))


def test_order_2_looks_a_step_ahead_and_leaves_the_weights_where_they_were(tiny_data):
    first = first_pair(tiny_data)
    searches = [make(order=order) for order in (1, 2)]
    before = values(searches[0].hypernetwork)
    facts = [search.step(first) for search in searches]

    # both moved the weights once; rewinding them leaves no trace but rounding
    for one, two in zip(*(values(s.supernet) for s in searches), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    assert float(facts[0]["val_half_loss"]) != float(facts[1]["val_half_loss"])
    assert not same(*(values(search.hypernetwork) for search in searches))
    assert not same(before, values(searches[1].hypernetwork))


def test_bfloat16_computes_nearly_the_same_and_keeps_float32_weights(tiny_data):
    first = first_pair(tiny_data)
    plain, mixed = make(), make(precision="mixed_bfloat16")

    losses = [float(search.step(first)["loss"]) for search in (plain, mixed)]

    # bfloat16 has 8 bits: 0.4 % a rounding, through some 30 layers
    assert losses[1] == pytest.approx(losses[0], rel=0.1)
    assert losses[1] != losses[0]
    assert {v.dtype for v in mixed.supernet.variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_a_search_refuses_a_table_of_another_space():
    with pytest.raises(TableError, match="measured for another space"):
        Search(TINY, stand_in_table(CellSpace()))


def test_a_point_off_the_simplex_is_refused():
    with pytest.raises(SettingsError, match=r"sums to 1\.5"):
        make().derive((0.5, 0.5, 0.5))


@pytest.mark.parametrize("asked", [{}, {"budget": (0.3, 0.3, 0.4)}])
def test_a_point_or_a_limit_is_asked_for(asked):
    limit = {"max_latency_ms": 1.0} if asked else {}

    with pytest.raises(ValueError, match="one of the two"):
        make().derive(**asked, **limit)


def test_a_loaded_search_is_the_one_that_was_saved(left_alone):
    run, search = left_alone

    loaded = load_search(run)

    point = (0.2, 0.3, 0.5)
    np.testing.assert_allclose(loaded.alpha(point), search.alpha(point), atol=1e-6)
    assert same(values(loaded.supernet), values(search.supernet))


SEED, STEP, TEMPERATURE = 5, 3, 0.7


def unsettled(**settings):
    """A search that prefers other ops at every point, in the midst of its steps."""
    search = make(seed=SEED, **settings)
    unsettle(search.hypernetwork)
    search.temperature.assign(TEMPERATURE)
    search.optimizer.iterations.assign(STEP)
    return search


def drawn(half):
    """Point and noise of a half's turn: each draw of each step has its own seed."""
    first = 4 * STEP + 2 * half
    return softmax(gumbel((3,), [SEED, first])), gumbel((4, 3), [SEED, first + 1])


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


def test_the_weights_step_along_the_gradient_where_their_half_drew(tiny_data):
    search, first = unsettled(mode="sampled"), first_pair(tiny_data)
    point, noise = drawn(0)
    variables = [one.value for one in search.supernet.trainable_variables]
    before = values(search.supernet)
    with tf.GradientTape() as tape:
        gamma, _ = relaxed_ops(search.hypernetwork(point), noise, "sampled")
        loss = task_loss(search, first[0], gamma)
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")

    facts = search.step(first)

    assert_steps(before, values(search.supernet), gradients)
    assert float(facts["loss"]) == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize("mode", ["sampled", "soft"])
def test_the_hypernetwork_steps_by_loss_and_price_where_its_half_drew(tiny_data, mode):
    search = unsettled(mode=mode, latency_weight=1.0, count_weight=0.5)
    first, (point, noise) = first_pair(tiny_data), drawn(1)
    network, before = search.hypernetwork, values(search.hypernetwork)
    facts = search.step(first)
    after = values(network)

    for variable, value in zip(network.trainable_variables, before, strict=True):
        variable.assign(value)  # back to where the step began; the weights had moved
    with tf.GradientTape(persistent=True) as tape:
        alpha = network(point)
        run, gamma = relaxed_ops(alpha, noise, mode)
        tape.watch(run)
        loss = task_loss(search, first[1], run)
        price = 3 * tf.reduce_sum(point * tf.nn.softmax(alpha) * search.prices)
        total = tf.reduce_sum(gamma * tf.stop_gradient(tape.gradient(loss, run)))
    by_task, by_price = (
        tape.gradient(one, network.trainable_variables) for one in (total, price)
    )

    assert_steps(before, after, [a + b for a, b in zip(by_task, by_price, strict=True)])
    assert float(facts["val_half_loss"]) == pytest.approx(float(loss), rel=1e-5)
    assert float(facts["price"]) == pytest.approx(float(price), rel=1e-5)


def test_weights_step_by_clipped_momentum_and_decay_along_a_cosine():
    config = SearchConfig(epochs=2, weight_lr=0.1, weight_decay=0.01)
    search = make_search(config, stand_in_table(TINY), steps=2)
    variables = search.supernet.trainable_variables
    first, velocity = values(search.supernet)[0], 0.0

    for step, norm in enumerate((10.0, 2.0, 10.0)):  # of all weights' gradients
        pull = norm / sum(value.size for value in values(search.supernet)) ** 0.5
        search.optimizer.apply([pull + tf.zeros(v.shape) for v in variables], variables)
        rate = 0.1 * (1 + math.cos(math.pi * step / 4)) / 2
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
