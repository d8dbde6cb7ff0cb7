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
    graph,
    gumbel,
    make,
    same,
    softmax,
    values,
)
from stand_ins import TINY, stand_in_table

from tfnas.data.halves import search_batches
from tfnas.errors import SettingsError, TableError
from tfnas.family.selector import load_search
from tfnas.search.derive import shares
from tfnas.search.search import Search
from tfnas.search.settings import SearchConfig
from tfnas.spaces.cell import CellSpace
from tfnas.targets.measurement import UNUSABLE


def test_weights_learn_from_the_first_half_alone(tiny_data):
    search = make(arch_lr=0.0)
    plain, second_spoiled, first_spoiled = ends(search, tiny_data, (None, 1, 0))

    assert same(plain[0], second_spoiled[0])
    assert not same(plain[0], first_spoiled[0])
    assert np.all(search.alpha() == search.start)


@pytest.mark.parametrize("mode", ["sampled", "soft"])
def test_the_hypernetwork_learns_from_the_second_half_alone(tiny_data, mode):
    search = make(lr=0.0, mode=mode)
    plain, first_spoiled, second_spoiled = ends(search, tiny_data, (None, 0, 1))

    assert same(plain[1], first_spoiled[1])
    assert not same(plain[1], second_spoiled[1])


@pytest.mark.parametrize("hypernetwork", ["pivot", "mlp"])
@pytest.mark.parametrize(("weight", "most"), [(50.0, 30.0), (15.0, 100.0)])
def test_an_op_with_a_high_price_disappears_and_the_others_stay(
    tiny_data, hypernetwork, weight, most
):
    search = make(count_weight=weight, most_strength=most, hypernetwork=hypernetwork)
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
    step = graph(again)
    for batch in pairs.take(steps):
        single.append(float(step(batch)["loss"]))
        again.optimizer.iterations.assign(len(single))
    assert losses[-1] == pytest.approx(np.mean(single), rel=1e-4)


def test_a_strength_multiplies_the_price_and_leaves_the_pulls_as_they_are(tiny_data):
    first, search = first_pair(tiny_data), make(count_weight=4.0)
    points = softmax(gumbel((32, 3), [0, 6]))  # what is priced, after two halves' draws
    levels = tf.random.stateless_uniform((32,), [0, 7], -1.0, 1.0).numpy()

    strengths = search.config.strength(levels)
    facts = graph(search)(first)

    # mu / E = 1: the price of a choice is 3 r S gamma_bar, and its gradient at strength
    # 1 is 3 gamma_bar_m (S_m - S gamma_bar) along op m
    shares = softmax(search.start)
    paid = np.sum(points[:, None] * shares, axis=-1)
    price = np.mean(strengths * 3 * paid.sum(axis=1))
    assert float(facts["price"]) == pytest.approx(price, rel=1e-5)
    along = 3 * shares * (points[:, None] - paid[..., None])
    pulls = np.linalg.norm(along, axis=(1, 2))
    assert float(facts["count_pull"]) == pytest.approx(np.mean(pulls), rel=1e-4)
    assert float(facts["latency_pull"]) == float(facts["params_pull"]) == 0
    assert float(facts["task_pull"]) > 0
    free = graph(make())(first)
    assert float(free["count_pull"]) == 0
    assert float(free["task_pull"]) == pytest.approx(float(facts["task_pull"]))


def test_order_2_looks_a_step_ahead_and_leaves_the_weights_where_they_were(tiny_data):
    first = first_pair(tiny_data)
    searches = [make(order=order, mode="soft") for order in (1, 2)]
    before = values(searches[0].hypernetwork)
    facts = [graph(search)(first) for search in searches]

    # both moved the weights once; rewinding them leaves no trace but rounding
    for one, two in zip(*(values(s.supernet) for s in searches), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    assert float(facts[0]["val_half_loss"]) != float(facts[1]["val_half_loss"])
    assert not same(*(values(search.hypernetwork) for search in searches))
    assert not same(before, values(searches[1].hypernetwork))


def test_bfloat16_computes_nearly_the_same_and_keeps_float32_weights(tiny_data):
    first = first_pair(tiny_data)
    plain, mixed = make(), make(precision="mixed_bfloat16")

    losses = [float(graph(search)(first)["loss"]) for search in (plain, mixed)]

    # bfloat16 has 8 bits: 0.4 % a rounding, through some 30 layers
    assert losses[1] == pytest.approx(losses[0], rel=0.1)
    assert losses[1] != losses[0]
    assert {v.dtype for v in mixed.supernet.variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_a_search_starts_where_its_seed_says_whatever_was_built_before():
    table = stand_in_table(CellSpace((8, 8, 1), 3, nodes=1, channels=5))
    first, again = Search(table.space, table), Search(table.space, table)
    other = Search(table.space, table, SearchConfig(seed=1))

    assert same(values(first.supernet), values(again.supernet))
    assert not same(values(first.supernet), values(other.supernet))


def test_a_search_refuses_a_table_of_another_space():
    with pytest.raises(TableError, match="measured for another space"):
        Search(TINY, stand_in_table(CellSpace()))


def test_a_point_off_the_simplex_and_a_strength_not_searched_are_refused():
    search = make()

    with pytest.raises(SettingsError, match=r"sums to 1\.5"):
        search.derive((0.5, 0.5, 0.5))
    with pytest.raises(SettingsError, match=r"101: take one of the 0\.01 to 100 that"):
        search.derive((0.3, 0.3, 0.4), strength=101)


def test_a_member_is_that_of_its_strength():
    search, point = make(), (0.2, 0.3, 0.5)
    references = np.zeros(search.hypernetwork.references.shape, np.float32)
    references[:, 0, 2::3], references[:, -1, 1::3] = 1.0, 1.0
    search.hypernetwork.references.assign(references)
    ends = (0.01, 100)

    accurate, cheap = (search.derive(point, strength=strength) for strength in ends)

    assert (accurate.indices, cheap.indices) == ((2, 2, 2, 2), (1, 1, 1, 1))
    expected = [search.alpha(point, strength) for strength in ends]
    np.testing.assert_allclose(search.alphas([point] * 2, [-1, 1]), expected, atol=1e-6)


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
