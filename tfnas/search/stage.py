"""Settings, table and data -> a searched run: the stage behind `tfnas search`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tfnas.data.dataset import Dataset
from tfnas.data.halves import Halves, search_halves
from tfnas.errors import SettingsError
from tfnas.latency.table import LatencyTable
from tfnas.networks.fit import Progress
from tfnas.search.callbacks import Record, Schedule, epoch_facts, facts_text
from tfnas.search.distribute import agree, is_chief, lost_workers, make_strategy, spread
from tfnas.search.loop import Facts, Loop, Step
from tfnas.search.run import Run, State
from tfnas.search.search import Search, make_search
from tfnas.search.settings import SearchConfig
from tfnas.support.files import replace_file


def run_search(
    config: SearchConfig,
    table: LatencyTable,
    data: Dataset,
    run: Run,
    *,
    strategy: Any = None,
    keep: int = 1,
    overwrite: bool = False,
) -> Search:
    """Search a family into a run folder, or go on with what the folder holds.

    Args:
        config: Settings; those of the run where it was begun before.
        table: Prices; its space is searched.
        data: The task.
        run: Where everything is kept.
        strategy: From `make_strategy`; one device by default.
        keep: Checkpoints to keep.
        overwrite: Begin again where the run has been searched.

    Raises:
        RunError: If another search writes to the same folder, or the images are not
            those that it began with.
        DataError: If images or classes do not fit the space.
        SearchError: If a loss becomes infinite or no number.
        KeyboardInterrupt: After Ctrl-C, when everything is saved.
    """
    data.require(table.space.input_shape, table.space.num_classes)
    strategy = strategy or make_strategy("single")
    if config.order == 2 and strategy.num_replicas_in_sync > 1:
        raise SettingsError("order = 2 moves the weights back and forth: one device")
    halves = search_halves(data, config.batch_size, config.seed)
    chief = is_chief(strategy)
    locked = run.locked() if chief else nullcontext()
    with locked, lost_workers(strategy), graphs_as_traced():
        with strategy.scope():
            search = make_search(config, table, halves.steps)
        step = _steps(config, search, strategy, halves.steps)
        state = State() if overwrite or not chief else run.load_state()
        if chief and not state.begun:
            run.clear()
            run.create(config, table, data.fingerprint)
        elif chief:
            run.check_images(data.fingerprint, goes_on=True)
        epochs, steps = agree(strategy, [state.epochs, state.steps])
        if epochs + steps:
            state = state if chief else State(epochs, steps)
            search.load_weights(run.checkpoint(state))
        _loop(config, search, halves, run, step, keep if chief else None).run(
            iter(halves.batches(state.epochs, state.steps, config.epochs)),
            state,
            lambda state: _enough(config, run, state, strategy),
        )
        agree(strategy, [0])  # all wait for the chief's last save
    return search


@contextmanager
def graphs_as_traced() -> Iterator[None]:
    """Keep TensorFlow from rewriting graphs: half of a first step, for no faster one.

    `tools/bench/search_step.py` times both.
    """
    name, options = "disable_meta_optimizer", tf.config.optimizer
    before = options.get_experimental_options().get(name, False)
    options.set_experimental_options({name: True})
    try:
        yield
    finally:
        options.set_experimental_options({name: before})


def _steps(config: SearchConfig, search: Search, strategy: Any, steps: int) -> Step:
    """The step of a state: one of the warm-up at first."""
    warm, plain = (
        spread(strategy, partial(search.step, warm_up=warm_up), config.batch_size)
        for warm_up in (True, False)
    )

    def step(batch: Any, stop: bool, state: State) -> tuple[Facts, bool]:
        done = state.epochs * steps + state.steps
        return (warm if done < config.warmup_steps(steps) else plain)(batch, stop)

    return step


def _loop(
    config: SearchConfig,
    search: Search,
    halves: Halves,
    run: Run,
    step: Step,
    keep: int | None,
) -> Loop:
    """The loop of a search; who keeps no checkpoints writes and shows nothing."""
    shown = [
        Progress("Search", config.epochs, partial(facts_text, search)),
        Record(run),
    ]
    return Loop(
        step,
        keras.callbacks.CallbackList(
            [Schedule(config), *(shown if keep else [])],
            model=search,
            epochs=config.epochs,
            steps=halves.steps,
        ),
        partial(epoch_facts, search, halves, config) if keep else lambda state: {},
        partial(save, run, search, keep) if keep else lambda state: None,
        epochs=config.epochs,
        steps=halves.steps,
    )


def save(run: Run, search: Search, keep: int, state: State) -> None:
    """Write everything; the state last, for it says that the rest is there."""
    replace_file(run.checkpoint(state), search.save_weights)
    if state.steps == 0:
        replace_file(run.supernet, search.supernet.save_weights)
        replace_file(run.hypernetwork, search.hypernetwork.save_weights)
    run.save_state(state, keep)


def _enough(config: SearchConfig, run: Run, state: State, strategy: Any) -> bool:
    """Whether to stop early; the chief, whose history it is, decides for all.

    Epochs that began with the hypernetwork at rest do not count, nor do lines of
    history that were written by a search that was killed before it saved.
    """
    counted = range(config.rest_epochs + 1, state.epochs + 1)
    rows = [row for row in run.load_history() if row["epoch"] in counted]
    ended = out_of_patience([row["val_accuracy"] for row in rows], config.patience)
    return bool(agree(strategy, [int(ended)])[0])


def out_of_patience(scores: Sequence[float], patience: int) -> bool:
    """Whether the best score is more than `patience` epochs old; 0 waits forever.

    Args:
        scores: One per epoch, the larger the better.
        patience: Epochs to wait for a better one.
    """
    if not scores or patience == 0:
        return False
    best = max(range(len(scores)), key=lambda epoch: scores[epoch])
    return len(scores) - 1 - best >= patience
