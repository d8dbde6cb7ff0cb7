"""Images as batches: scaled, augmented, seeded."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import tensorflow as tf

from tfnas.data.dataset import Images, Labels


def scale(images: Any) -> Any:
    """Pixels from 0..255 to 0..1, which int8 input represents exactly."""
    return tf.cast(images, tf.float32) / 255


def in_order(
    x: Images, y: Labels, batch_size: int = 250
) -> Iterator[tuple[Any, Labels]]:
    """All images once, scaled and in their order, for whoever scores a network.

    Args:
        x: Images, 0..255, shape `(num, height, width, channels)`.
        y: Classes, shape `(num,)`.
        batch_size: Images of a batch; the last has what is left.

    Yields:
        Images, pixels in 0..1, and their classes.
    """
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        yield scale(x[part]), y[part]


def augment(images: Any, flip: bool, seed: Any) -> Any:
    """Shift each image by up to an eighth of its side, and mirror every other one.

    Args:
        images: Shape `(batch, height, width, channels)`, any type.
        flip: Whether to mirror.
        seed: Two integers, shape `(2,)`.
    """
    seed = tf.convert_to_tensor(seed)
    batch, (height, width) = tf.shape(images)[0], images.shape[1:3]
    down, right = height // 8, width // 8
    padded = tf.pad(images, ((0, 0), (down, down), (right, right), (0, 0)))
    draw = partial(tf.random.stateless_uniform, dtype=tf.int32)
    rows = draw((batch, 1), seed, 0, maxval=2 * down + 1) + tf.range(height)
    columns = draw((batch, 1), seed + 1, 0, maxval=2 * right + 1) + tf.range(width)
    shifted = tf.gather(
        tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1
    )
    if not flip:
        return shifted
    mirror = draw((batch, 1, 1, 1), seed + 2, 0, maxval=2) == 1
    return tf.where(mirror, shifted[:, :, ::-1], shifted)


def batches(
    x: Images, y: Labels, batch_size: int, *, seed: int, flip: bool, epochs: range
) -> Any:
    """Shuffled, augmented batches of scaled images, epoch after epoch.

    Order and noise depend on seed and epoch alone: who begins at the third epoch gets
    what the others get there. The last partial batch of an epoch is left out.

    Args:
        x: Images, 0..255, shape `(num, height, width, channels)`.
        y: Classes, shape `(num,)`.
        batch_size: Images of a batch.
        seed: Of everything random.
        flip: Whether to mirror images.
        epochs: Which epochs, counted from 0.

    Returns:
        A `tf.data.Dataset` of `(images, labels)`, `num // batch_size` an epoch.
    """
    steps = len(x) // batch_size
    images, labels = tf.constant(x), tf.constant(y)

    def one_epoch(epoch: Any) -> Any:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(x)), (seed, tf.cast(epoch, tf.int32))
        )
        picks = tf.reshape(order[: steps * batch_size], (steps, batch_size))

        def prepare(step: Any, pick: Any) -> Any:
            noise = (seed, tf.cast(epoch * steps + step, tf.int32))
            batch = augment(tf.gather(images, pick), flip, tf.stack(noise))
            return scale(batch), tf.gather(labels, pick)

        numbered = tf.data.Dataset.from_tensor_slices(picks).enumerate()
        return numbered.map(prepare, num_parallel_calls=2)

    whole = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch)
    return whole.prefetch(2)
