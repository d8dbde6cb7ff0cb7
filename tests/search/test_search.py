import os
import signal
from dataclasses import replace

import keras
import numpy as np
import pytest
from stand_ins import CPU_OP_MS, TINY, stand_in_table

from tfnas.data.halves import search_batches
from tfnas.errors import (
    DataError,
    LimitError,
    RunError,
    SearchError,
    SettingsError,
    TableError,
)
from tfnas.networks.fit import Progress
from tfnas.search.callbacks import Record, annealed
from tfnas.search.derive import POINTS, shares, sweep
from tfnas.search.prices import relaxed_latency_ms
from tfnas.search.run import Run, State, find_run, new_run
from tfnas.search.search import Search, load_search
from tfnas.search.settings import SearchConfig
from tfnas.search.stage import run_search
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.simplex import uniform
from tfnas.targets.measurement import UNUSABLE

FREE = {"params_weight": 0.0, "latency_weight": 0.0, "count_weight": 0.0}


def at_uniform(search):
    return search.alpha(uniform(len(search.space.ops)))


def relaxed(search):
    return relaxed_latency_ms(search.table, at_uniform(search))


def make(*, lr=0.1, arch_lr=0.1, **settings):
    search = Search(TINY, stand_in_table(TINY), SearchConfig(**{**FREE, **settings}))
    search.compile(keras.optimizers.SGD(lr), keras.optimizers.SGD(arch_lr))
    return search


def fit(search, data, *, spoil=None, epochs=1):
    """Fit on two halves; `spoil` turns the labels of one half round."""
    pairs, _, _ = search_batches(data, 32, 0, range(epochs))
    if spoil is not None:
        pairs = pairs.map(
            lambda first, second: (
                (first[0], 2 - first[1] if spoil == 0 else first[1]),
                (second[0], 2 - second[1] if spoil == 1 else second[1]),
            )
        )
    search.fit(pairs, epochs=epochs, steps_per_epoch=4, verbose=0, shuffle=False)
    return search


def values(model):
    return [np.array(variable) for variable in model.trainable_variables]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_weights_learn_from_the_first_half_alone(tiny_data):
    plain, second_spoiled, first_spoiled = (
        fit(make(arch_lr=0.0), tiny_data, spoil=spoil) for spoil in (None, 1, 0)
    )

    assert same(values(plain.supernet), values(second_spoiled.supernet))
    assert not same(values(plain.supernet), values(first_spoiled.supernet))
    assert np.all(plain.alpha(uniform(3)) == 0)


@pytest.mark.parametrize("mode", ["sampled", "soft"])
def test_the_hypernetwork_learns_from_the_second_half_alone(tiny_data, mode):
    plain, first_spoiled, second_spoiled = (
        fit(make(lr=0.0, mode=mode), tiny_data, spoil=spoil) for spoil in (None, 0, 1)
    )

    assert same(values(plain.hypernetwork), values(first_spoiled.hypernetwork))
    assert not same(values(plain.hypernetwork), values(second_spoiled.hypernetwork))


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
    first = next(iter(search_batches(tiny_data, 32, 0, range(1))[0]))

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
    first = next(iter(search_batches(tiny_data, 32, 0, range(1))[0]))
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
    first = next(iter(search_batches(tiny_data, 32, 0, range(1))[0]))
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


def test_a_limit_gives_the_slowest_member_that_surely_keeps_it():
    search, rng = make(hypernetwork="mlp"), np.random.default_rng(0)
    for variable in search.hypernetwork.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    swept = sweep(TINY, search.alphas, POINTS)
    highs = sorted({search.table.predict(member).high_ms for member in swept})
    limit = (highs[1] + highs[2]) / 2

    found = search.table.predict(search.derive(max_latency_ms=limit))

    assert found.high_ms == highs[1]


def test_a_limit_that_no_member_keeps_says_what_the_fastest_needs():
    with pytest.raises(LimitError, match=r"keeps 0\.001 ms: the fastest needs \d"):
        make().derive(max_latency_ms=0.001)


@pytest.mark.parametrize("asked", [{}, {"budget": (0.3, 0.3, 0.4)}])
def test_a_point_or_a_limit_is_asked_for(asked):
    limit = {"max_latency_ms": 1.0} if asked else {}

    with pytest.raises(SettingsError, match="one of the two"):
        make().derive(**asked, **limit)


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


def test_before_the_hypernetwork_moves_all_ops_share_the_choices():
    taken = shares(TINY, at_uniform(make()))

    assert list(taken) == list(TINY.ops)
    assert list(taken.values()) == pytest.approx([1 / 3] * 3)


def test_shares_count_the_choices_of_the_member_at_the_uniform_point():
    logits = np.zeros((4, 3))
    logits[[0, 1, 2, 3], [2, 2, 0, 2]] = 1.0

    assert list(shares(TINY, logits).values()) == pytest.approx([1 / 4, 0, 3 / 4])


def test_the_temperature_falls_in_equal_steps():
    temperatures = [annealed(epoch, 1.0, 0.2, 5) for epoch in range(5)]

    np.testing.assert_allclose(temperatures, [1.0, 0.8, 0.6, 0.4, 0.2])
    assert annealed(0, 1.0, 0.2, 1) == 1.0


CONFIG = SearchConfig(data="stripes", epochs=3, batch_size=32, warmup=0.4)


def search_into(run, tiny_data, config=CONFIG, **kwargs):
    return run_search(config, stand_in_table(TINY), tiny_data, run, **kwargs)


class Killed(Exception):
    """Stands for a process that dies."""


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory, tiny_data):
    run = Run(tmp_path_factory.mktemp("whole"))
    return run, search_into(run, tiny_data)


def die(monkeypatch, where, after):
    """Let a method of `Run` or `Search` be the last thing a process does."""
    owner, name = where
    method, calls = getattr(owner, name), []

    def last(*args, **kwargs):
        method(*args, **kwargs)
        calls.append(name)
        if len(calls) == after:
            raise Killed

    monkeypatch.setattr(owner, name, last)


@pytest.mark.parametrize(
    ("where", "after"),
    [
        ((Record, "on_epoch_end"), 2),  # history is written, the checkpoint is not
        ((Progress, "on_train_batch_end"), 6),  # 4 steps an epoch
    ],
    ids=lambda value: value if isinstance(value, int) else value[1],
)
def test_a_search_killed_and_resumed_ends_as_one_left_alone(
    tmp_path, tiny_data, monkeypatch, left_alone, where, after
):
    (whole, untouched), broken = left_alone, Run(tmp_path / "broken")
    die(monkeypatch, where, after)
    with pytest.raises(Killed):
        search_into(broken, tiny_data)
    monkeypatch.undo()
    resumed = search_into(broken, tiny_data)

    assert_equal_ends((broken, resumed), (whole, untouched))


def assert_equal_ends(first, second):
    (run, search), (other_run, other) = first, second
    assert run.load_state().epochs == other_run.load_state().epochs
    assert run.history.read_text() == other_run.history.read_text()
    assert same(values(search.supernet), values(other.supernet))
    assert same(values(search.hypernetwork), values(other.hypernetwork))


def test_ctrl_c_saves_in_the_middle_of_an_epoch_and_the_search_goes_on_from_there(
    tmp_path, tiny_data, monkeypatch, left_alone
):
    run, steps = Run(tmp_path), []

    def press(self, batch, logs=None):
        steps.append(batch)
        if len(steps) == 6:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Progress, "on_train_batch_end", press)
    # a shell that starts tests in the background makes them ignore it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            search_into(run, tiny_data)
    finally:
        signal.signal(signal.SIGINT, before)
    state = run.load_state()
    assert (state.epochs, state.steps) == (1, 3)  # the next step tells all workers

    resumed = search_into(run, tiny_data)

    assert steps == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]  # none was repeated
    assert_equal_ends((run, resumed), left_alone)


def test_a_loaded_search_is_the_one_that_was_saved(left_alone):
    run, search = left_alone

    loaded = load_search(run)

    point = (0.2, 0.3, 0.5)
    np.testing.assert_allclose(loaded.alpha(point), search.alpha(point), atol=1e-6)
    assert same(values(loaded.supernet), values(search.supernet))


def test_history_tells_the_shares_the_latency_and_both_pulls(left_alone):
    rows = left_alone[0].load_history()

    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["temperature"] for row in rows] == pytest.approx([1.0, 0.6, 0.2])
    for row in rows:
        assert sum(row[f"share_{op}"] for op in TINY.ops) == pytest.approx(1)
        assert row["task_pull"] > 0 and row["price_pull"] > 0
        assert 0 <= row["val_accuracy"] <= 1


@pytest.mark.parametrize(("keep", "stay"), [(1, [(2, 3)]), (2, [(1, 0), (2, 3)])])
def test_as_many_checkpoints_stay_as_asked_for_and_none_of_a_lost_future(
    tmp_path, keep, stay
):
    run = Run(tmp_path)
    for place in [(0, 5), (1, 0), (2, 3), (3, 0)]:
        run.checkpoint(State(*place)).touch()

    run.save_state(State(2, 3), keep)

    kept = {run.checkpoint(State(*place)) for place in stay}
    assert set(tmp_path.glob("checkpoint-*")) == kept
    assert run.load_state() == State(2, 3)


def test_a_loss_that_is_no_number_ends_the_search_and_keeps_the_last_checkpoint(
    tmp_path, tiny_data, monkeypatch
):
    run, step = Run(tmp_path), Search.step

    def spoiled(self, data):
        facts = step(self, data)
        return {**facts, "loss": facts["loss"] + keras.ops.log(self.temperature - 0.7)}

    monkeypatch.setattr(Search, "step", spoiled)  # 0.6 in the second epoch
    with pytest.raises(
        SearchError,
        match=r"loss became nan after epoch 2, step 0\. The last checkpoint",
    ):
        search_into(run, tiny_data)
    assert run.load_state().epochs == 1
    assert np.all(np.isfinite(load_search(run).alpha(uniform(3))))


def test_patience_starts_with_the_hypernetwork_and_outlives_a_kill(
    tmp_path, tiny_data, monkeypatch
):
    scores = iter([0.9, 0.8, 0.5, 0.6, 0.6, 0.55, 0.55, 0.9])
    monkeypatch.setattr(
        "tfnas.search.stage.score_member", lambda *_args: (1.0, next(scores))
    )
    # two epochs of warm-up, whose scores do not count; the best is in epoch 4
    run, config = Run(tmp_path), replace(CONFIG, epochs=8, warmup=0.25, patience=2)
    die(monkeypatch, (Record, "on_epoch_end"), 6)  # its line is in the history
    with pytest.raises(Killed):
        search_into(run, tiny_data, config)
    monkeypatch.undo()
    monkeypatch.setattr("tfnas.search.stage.score_member", lambda *_args: (1.0, 0.55))
    assert run.load_state().epochs == 5

    search_into(run, tiny_data, config)

    assert run.load_state().epochs == 6
    assert [row["epoch"] for row in run.load_history()] == [1, 2, 3, 4, 5, 6]


def test_a_space_whose_first_op_is_none_is_searched_with_a_warning(
    tmp_path, tiny_data, capsys
):
    space = replace(TINY, ops=("none", "skip_connect", "sep_conv_3x3"))
    table = stand_in_table(space, {op: 1.0 for op in space.ops})
    config, run = replace(CONFIG, epochs=1, warmup=1.0), Run(tmp_path)

    run_search(config, table, tiny_data, run)

    assert "Warning: No path leads through the normal cell" in capsys.readouterr().err
    assert run.load_history()[0]["val_accuracy"] == pytest.approx(1 / 3)


def test_a_batch_that_does_not_divide_leaves_the_run_it_would_replace(
    tmp_path, tiny_data, monkeypatch
):
    run = Run(tmp_path)
    run.create(CONFIG, stand_in_table(TINY))
    (run.exports / "budget-1").mkdir(parents=True)
    monkeypatch.setattr("tfnas.search.stage.spread", refuse)

    with pytest.raises(SettingsError, match="does not divide"):
        search_into(run, tiny_data, overwrite=True)
    assert (run.exports / "budget-1").exists()


def refuse(*_args):
    raise SettingsError("does not divide")


def test_the_hypernetwork_rests_during_the_warm_up(tmp_path, tiny_data):
    config = replace(CONFIG, epochs=1, warmup=1.0)
    search = search_into(Run(tmp_path / "run"), tiny_data, config)

    np.testing.assert_array_equal(search.alpha(uniform(3)), np.zeros((4, 3)))


def test_data_of_another_shape_is_refused(tmp_path, tiny_data):
    config, table = SearchConfig(), stand_in_table(CellSpace())

    with pytest.raises(DataError, match="has images of \\(8, 8, 1\\) in 3 classes"):
        run_search(config, table, tiny_data, Run(tmp_path))


def test_two_searches_never_write_into_one_run(tmp_path):
    run = Run(tmp_path / "run")

    with (
        run.locked(),
        pytest.raises(RunError, match="Another search is writing"),
        Run(tmp_path / "run").locked(),
    ):
        pass


def test_a_run_is_found_by_name_and_missing_ones_are_explained(tmp_path):
    with pytest.raises(RunError, match=r"No run in .* Make one with `tfnas search`"):
        find_run(tmp_path, None)
    run = Run(tmp_path / "first")
    run.create(CONFIG, stand_in_table(TINY))

    assert find_run(tmp_path, None) == find_run(tmp_path, "first") == run
    assert run.load_config() == CONFIG
    with pytest.raises(RunError, match=r"No run 'frist'.*Did you mean 'first'"):
        find_run(tmp_path, "frist")
    with pytest.raises(RunError, match="has not finished its first epoch"):
        run.require_searched()


def test_a_run_of_another_version_is_refused(tmp_path):
    run = Run(tmp_path)
    run.settings.write_text("schema = 0\n")

    with pytest.raises(
        RunError, match=r"another version of tfnas \(schema 0, needed 4"
    ):
        run.load_config()


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp", "..", "a/b"])
def test_a_new_run_stays_in_its_folder(tmp_path, name):
    with pytest.raises(RunError, match="a new run has a plain name"):
        new_run(tmp_path, name, "", overwrite=True)


def test_a_run_that_is_cleared_keeps_foreign_files_alone(tmp_path):
    run = Run(tmp_path)
    run.create(CONFIG, stand_in_table(TINY))
    run.checkpoint(State(1)).touch()
    run.save_state(State(1), keep=1)
    run.tensorboard.mkdir()
    (run.exports / "budget-1").mkdir(parents=True)
    (tmp_path / "notes.txt").touch()
    run.clear()

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"table.json", "notes.txt"}


def test_what_a_killed_search_had_half_written_is_removed_by_the_next(tmp_path):
    half_written = tmp_path / ".checkpoint-0001-000000.weights.h5.x1.weights.h5"
    half_written.touch()

    with Run(tmp_path).locked():
        assert not half_written.exists()


def test_new_runs_never_share_a_folder(tmp_path):
    first = new_run(tmp_path, None, "mnist-cpu")
    first.create(CONFIG, stand_in_table(TINY))

    assert new_run(tmp_path, None, "mnist-cpu").path.name == "mnist-cpu-2"
    with pytest.raises(RunError, match="Add --resume"):
        new_run(tmp_path, "mnist-cpu", "")
