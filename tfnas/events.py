"""Scalars for TensorBoard, in its own file format; needs no TensorBoard to write."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfnas.files import replace_file


def write_scalars(folder: Path, step: int, values: Mapping[str, float]) -> None:
    """Add the scalars of one step to a folder that TensorBoard reads.

    Each call writes a file of its own, whole; TensorBoard joins the files of a folder.

    Args:
        folder: Where event files lie; made if it is not there.
        step: What the scalars are drawn over.
        values: By name.

    Raises:
        TfnasError: If the disk is full or the folder cannot be written.
    """
    now = time.time()
    scalars = [
        tf.compat.v1.Summary.Value(tag=name, simple_value=value)
        for name, value in values.items()
    ]
    events = [
        tf.compat.v1.Event(wall_time=now, file_version="brain.Event:2"),
        tf.compat.v1.Event(
            wall_time=now, step=step, summary=tf.compat.v1.Summary(value=scalars)
        ),
    ]
    path = folder / f"events.out.tfevents.{int(now):010d}.step-{step:05d}"
    replace_file(path, lambda temporary: _write(temporary, events))


def _write(path: Path, events: Sequence[Any]) -> None:
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for event in events:
                writer.write(event.SerializeToString())
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
