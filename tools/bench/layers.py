"""Milliseconds of each fast layer, forward and backward, beside Keras's own.

Alone, and as a branch of a `tf.switch_case`, which is where a supernet runs it.
"""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfnas.networks.fast_layers import fast_layers

SHAPE = (64, 28, 28, 16)
DEPTH = 8
STEPS = 20


def make(module: Any, kind: str) -> Callable[[Any], Any]:
    """A layer of a module, as a function of one tensor."""
    if kind == "BatchNormalization":
        norm = module.BatchNormalization()
        norm.build(SHAPE)
        return lambda x: norm(x, training=True)
    if kind == "MaxPooling2D":
        pool: Callable[[Any], Any] = module.MaxPooling2D(3, 1, "same")
        return pool
    add = module.Add()
    return lambda x: add([x, x, x, x])


def step_of(layer: Callable[[Any], Any], branch: bool) -> Any:
    """Forward and backward through `DEPTH` of the layer."""
    x, chosen = tf.random.normal(SHAPE), tf.Variable(0)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            for _ in range(DEPTH):
                here = y
                choices = [lambda here=here: layer(here), lambda here=here: here]
                y = tf.switch_case(chosen.value(), choices) if branch else layer(y)
            loss = tf.reduce_sum(y * x)
        return tape.gradient(loss, x)

    return step


def main() -> None:
    """Time the three layers, interleaved, and print medians and ratios."""
    for kind in ("BatchNormalization", "MaxPooling2D", "Add"):
        for branch in (False, True):
            steps = [
                step_of(make(m, kind), branch) for m in (keras.layers, fast_layers)
            ]
            times: list[list[float]] = [[], []]
            for round_ in range(STEPS + 3):
                for step, kept in zip(steps, times, strict=True):
                    began = time.perf_counter()
                    step()
                    if round_ >= 3:
                        kept.append(1e3 * (time.perf_counter() - began) / DEPTH)
            plain, fast = (float(np.median(kept)) for kept in times)
            where = "in a branch" if branch else "alone"
            print(
                f"{kind} {where}: Keras {plain:.2f} ms, fast {fast:.2f} ms, "
                f"{plain / fast:.1f} times faster"
            )


if __name__ == "__main__":
    main()
