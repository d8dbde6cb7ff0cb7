from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from searches import CONFIG, fit, same, search_into, unsettle, values
from stand_ins import TINY, stand_in_table

from tfnas.search.callbacks import Schedule, annealed, write_scalars
from tfnas.search.run import Run
from tfnas.search.search import make_search


def test_tensorflow_reads_back_the_scalars_of_every_step(tmp_path):
    write_scalars(tmp_path / "events", 1, {"loss": 2.5, "share": 0.25})
    write_scalars(tmp_path / "events", 2, {"loss": 1.5})

    read = [
        (event.step, value.tag, value.simple_value)
        for path in sorted((tmp_path / "events").iterdir())
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]

    assert read == [(1, "loss", 2.5), (1, "share", 0.25), (2, "loss", 1.5)]


def test_the_temperature_falls_in_equal_steps():
    temperatures = [annealed(epoch, 1.0, 0.2, 5) for epoch in range(5)]

    np.testing.assert_allclose(temperatures, [1.0, 0.8, 0.6, 0.4, 0.2])
    assert annealed(0, 1.0, 0.2, 1) == 1.0


def test_in_fit_the_hypernetwork_moves_with_the_epoch_after_the_warm_up(tiny_data):
    # 1.5 epochs of warm-up: `fit` rests for the whole ones
    config, seen = replace(CONFIG, epochs=2, warmup=0.75), []
    search = make_search(config, stand_in_table(TINY), 4)
    unsettle(search.hypernetwork)
    start = values(search.hypernetwork)

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            moves = search.optimizer.iterations, search.arch_optimizer.iterations
            seen.append((values(search.hypernetwork), *map(int, moves)))

    fit(search, tiny_data, epochs=2, callbacks=[Schedule(config), Watch()])

    (rested, *first), (moved, *both) = seen
    assert same(start, rested)
    assert first == [8, 0]  # both halves of 4 steps moved the weights
    assert both == [8 + 4, 4]
    assert not same(rested, moved)


def test_a_search_rests_for_so_many_steps_also_within_an_epoch(tmp_path, tiny_data):
    config = replace(CONFIG, epochs=1, warmup=0.5)
    search = search_into(Run(tmp_path / "run"), tiny_data, config)

    assert int(search.arch_optimizer.iterations) == 2
    assert int(search.optimizer.iterations) == 4 + 2
