"""Drives a search step by step: from any step on, until its end or a signal."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import keras

from tfnas.errors import SearchError
from tfnas.search.run import State

_SAVE_EVERY_S = 300.0
Facts = Mapping[str, float]
Step = Callable[[Any, bool, State], tuple[Facts, bool]]


@contextmanager
def stop_requested() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question; the second one kills as usual.

    Signals that were ignored stay ignored; only the main thread can take any.

    Yields:
        Tells whether one has come.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number: int, frame: Any) -> None:
        del frame
        came.append(number)
        signal.signal(number, before[number])

    before: dict[int, Any] = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
    }
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Loop:
    """Epochs of steps, each step with its facts added up.

    Args:
        step: Maps a batch, whether to stop, and the state before it, to scalars, and
            whether any process that takes part wants to stop.
        callbacks: Keras callbacks, set on the model.
        end_epoch: Called with the state after each epoch; facts known only then.
        save: Called with the state, after each epoch, every five minutes and on a
            signal.
        epochs: Epochs of the whole search.
        steps: Steps of an epoch.
    """

    def __init__(
        self,
        step: Step,
        callbacks: keras.callbacks.CallbackList,
        end_epoch: Callable[[State], Facts],
        save: Callable[[State], None],
        *,
        epochs: int,
        steps: int,
    ) -> None:
        self.step, self.callbacks = step, callbacks
        self.end_epoch, self.save = end_epoch, save
        self.epochs, self.steps = epochs, steps

    def run(self, batches: Any, state: State, enough: Callable[[State], bool]) -> State:
        """Go on from a state to the end.

        Args:
            batches: Iterator whose next batch is that of the state's next step.
            state: Where to go on.
            enough: Asked before each epoch; whether to stop early.

        Returns:
            The state at the end.

        Raises:
            KeyboardInterrupt: After a signal, when everything is saved.
            SearchError: If a scalar is no number.
        """
        began = time.monotonic() - state.search_seconds
        self.callbacks.on_train_begin()
        try:
            with stop_requested() as stop:
                while state.epochs < self.epochs and not enough(state):
                    state = self._epoch(batches, state, began, stop)
        finally:
            self.callbacks.on_train_end()
        return state

    def _epoch(
        self, batches: Any, state: State, began: float, stop: Callable[[], bool]
    ) -> State:
        self.callbacks.on_epoch_begin(state.epochs)
        saved, stopping = time.monotonic(), False
        for index in range(state.steps, self.steps):
            facts, stopping = self.step(next(batches), stop(), state)
            refuse_nan(facts, str(state))
            state = _added(state, facts, time.monotonic() - began)
            self.callbacks.on_train_batch_end(index, _means(state))
            if index + 1 == self.steps:
                break
            if stopping or time.monotonic() - saved > _SAVE_EVERY_S:
                self.save(state)
                saved = time.monotonic()
            if stopping:
                raise KeyboardInterrupt
        self.callbacks.on_epoch_end(
            state.epochs, {**_means(state), **self.end_epoch(state)}
        )
        state = State(state.epochs + 1, search_seconds=time.monotonic() - began)
        self.save(state)
        if stopping:
            raise KeyboardInterrupt
        return state


def _added(state: State, facts: Facts, seconds: float) -> State:
    sums = {name: state.sums.get(name, 0.0) + value for name, value in facts.items()}
    return replace(state, steps=state.steps + 1, sums=sums, search_seconds=seconds)


def _means(state: State) -> Facts:
    return {name: total / state.steps for name, total in state.sums.items()}


def refuse_nan(facts: Mapping[str, float], where: str) -> None:
    """Stop before what is no number is saved.

    Args:
        facts: Scalars of a step.
        where: The step, for the message.

    Raises:
        SearchError: If a fact is infinite or not a number.
    """
    for name, value in facts.items():
        if not math.isfinite(value):
            raise SearchError(
                f"{name} became {value} after {where}. The last checkpoint before it "
                "is kept: members can be derived from it if an epoch had ended. "
                "Search again with a lower weight_lr, in a file for --config."
            )
