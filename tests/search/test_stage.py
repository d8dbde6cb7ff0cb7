import math
import os
import signal
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from searches import CONFIG, same, search_into, values
from stand_ins import TINY, Killed, stand_in_table

from tfnas.errors import DataError, SearchError, SettingsError
from tfnas.family.selector import load_search
from tfnas.networks.fit import Progress
from tfnas.search.callbacks import Record, collapse_warning
from tfnas.search.run import Run
from tfnas.search.search import Search
from tfnas.search.settings import SearchConfig
from tfnas.search.stage import graphs_as_traced, out_of_patience, run_search
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.simplex import uniform


@pytest.mark.parametrize("op", ["skip_connect", "max_pool_3x3", "none"])
def test_a_light_op_that_takes_most_choices_is_warned_of(op):
    warning = collapse_warning({op: 0.9, "sep_conv_3x3": 0.1})

    assert warning is not None
    assert warning.startswith(f"{op} have 90% of the choices at equal prices")


def test_identities_and_pools_count_together():
    warning = collapse_warning({"max_pool_3x3": 0.5, "skip_connect": 0.5})

    assert warning is not None
    assert warning.startswith("max_pool_3x3 and skip_connect have 100% of the choices")


def test_convolutions_everywhere_are_no_collapse_nor_is_a_mixture():
    assert collapse_warning({"skip_connect": 0.0, "sep_conv_3x3": 1.0}) is None
    assert collapse_warning({"skip_connect": 0.7, "sep_conv_3x3": 0.3}) is None


@pytest.mark.parametrize(
    ("scores", "patience", "ends"),
    [
        ([], 1, False),
        ([0.5], 1, False),
        ([0.5, 0.4], 1, True),
        ([0.5, 0.4], 2, False),
        ([0.5, 0.5, 0.5], 2, True),  # as good is not better
        ([0.5, 0.4, 0.6], 2, False),
        ([0.5, 0.4, 0.3, 0.2], 0, False),  # 0 waits forever
    ],
)
def test_patience_counts_the_epochs_since_the_best(scores, patience, ends):
    assert out_of_patience(scores, patience) is ends


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


def test_history_tells_the_shares_the_latency_and_all_pulls(left_alone):
    run, search = left_alone
    rows = run.load_history()

    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["temperature"] for row in rows] == pytest.approx([1.0, 0.6, 0.2])
    for row in rows:
        assert sum(row[f"share_{op}"] for op in TINY.ops) == pytest.approx(1)
        for cost in ("latency", "params", "count"):
            assert row[f"{cost}_pull"] > 0
        assert 0 <= row["val_accuracy"] <= 1
    # 4 steps an epoch, of which the first 6 are warm-up
    assert rows[0]["task_pull"] == 0 < rows[1]["task_pull"]
    member = search.derive(uniform(3))
    assert rows[-1]["latency_ms"] == search.table.predict(member).latency_ms


def test_tensorflow_rewrites_no_graph_of_a_search_and_others_as_before():
    name, options = "disable_meta_optimizer", tf.config.optimizer
    options.set_experimental_options({name: False})
    try:
        with graphs_as_traced():
            assert options.get_experimental_options()[name]
        assert not options.get_experimental_options()[name]
    finally:
        options.set_experimental_options({name: True})  # as all tests have it


def test_a_loss_that_is_no_number_ends_the_search_and_keeps_the_last_checkpoint(
    tmp_path, tiny_data, monkeypatch
):
    run, step = Run(tmp_path), Search.step

    def spoiled(self, data, **how):
        facts = step(self, data, **how)
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
        "tfnas.search.callbacks.score_member", lambda *_args: (1.0, next(scores))
    )
    # two epochs of warm-up, whose scores do not count; the best is in epoch 4
    run, config = Run(tmp_path), replace(CONFIG, epochs=8, warmup=0.25, patience=2)
    die(monkeypatch, (Record, "on_epoch_end"), 6)  # its line is in the history
    with pytest.raises(Killed):
        search_into(run, tiny_data, config)
    monkeypatch.undo()
    monkeypatch.setattr(
        "tfnas.search.callbacks.score_member", lambda *_args: (1.0, 0.55)
    )
    assert run.load_state().epochs == 5

    search_into(run, tiny_data, config)

    assert run.load_state().epochs == 6
    assert [row["epoch"] for row in run.load_history()] == [1, 2, 3, 4, 5, 6]


def test_a_space_whose_first_op_is_none_is_searched_with_a_warning(
    tmp_path, tiny_data, capsys
):
    space = replace(TINY, ops=("none", "skip_connect", "max_pool_3x3"))
    table = stand_in_table(space, {op: 1.0 for op in space.ops})
    # in the normal cell no op has weights: the first is taken
    config, run = replace(CONFIG, epochs=1, warmup=1.0), Run(tmp_path)

    run_search(config, table, tiny_data, run)

    assert "Warning: No path leads through the normal cell" in capsys.readouterr().err
    (row,) = run.load_history()
    assert row["val_accuracy"] == pytest.approx(1 / 3)
    assert math.isnan(row["latency_ms"])  # of no network


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


def test_data_of_another_shape_is_refused(tmp_path, tiny_data):
    config, table = SearchConfig(), stand_in_table(CellSpace())

    with pytest.raises(DataError, match="has images of \\(8, 8, 1\\) in 3 classes"):
        run_search(config, table, tiny_data, Run(tmp_path))
