from dataclasses import replace

import numpy as np
import tensorflow as tf
from searches import CONFIG, first_pair, same, search_into, unsettle, values
from stand_ins import TINY, stand_in_table

from tfnas.search.callbacks import Schedule, annealed, write_scalars
from tfnas.search.run import Run
from tfnas.search.search import make_search
from tfnas.spaces.simplex import uniform


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


def test_the_hypernetwork_rests_during_the_warm_up(tmp_path, tiny_data):
    config = replace(CONFIG, epochs=1, warmup=1.0)
    search = search_into(Run(tmp_path / "run"), tiny_data, config)

    np.testing.assert_array_equal(search.alpha(uniform(3)), np.zeros((4, 3)))


def test_the_hypernetwork_moves_with_the_epoch_after_the_warm_up(tiny_data):
    config = replace(CONFIG, epochs=2, warmup=0.5)
    search, schedule = make_search(config, stand_in_table(TINY), 1), Schedule(config)
    schedule.set_model(search)
    unsettle(search.hypernetwork)
    seen = [values(search.hypernetwork)]

    for epoch in range(2):
        schedule.on_epoch_begin(epoch)
        search.step(first_pair(tiny_data))
        seen.append(values(search.hypernetwork))

    start, rested, moved = seen
    assert same(start, rested)
    for before, after in zip(rested, moved, strict=True):
        assert np.all(before != after)
