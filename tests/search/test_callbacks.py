import tensorflow as tf

from tfnas.search.callbacks import write_scalars


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
