"""A small search, its steps and what came of it, for tests of all its parts."""

import keras
import numpy as np
import tensorflow as tf
from stand_ins import TINY, stand_in_table

from tfnas.data.halves import search_batches
from tfnas.search.search import Search
from tfnas.search.settings import SearchConfig
from tfnas.search.stage import run_search
from tfnas.spaces.simplex import uniform

FREE = {"params_weight": 0.0, "latency_weight": 0.0, "count_weight": 0.0}
# 4 steps an epoch, of which the first 6 are warm-up
CONFIG = SearchConfig(data="stripes", epochs=3, batch_size=32, warmup=0.55)


def at_uniform(search):
    return search.alpha(uniform(len(search.space.ops)))


def make(*, lr=0.1, arch_lr=0.1, **settings):
    search = Search(TINY, stand_in_table(TINY), SearchConfig(**{**FREE, **settings}))
    search.compile(keras.optimizers.SGD(lr), keras.optimizers.SGD(arch_lr))
    return search


def fit(search, data, *, spoil=None, epochs=1, callbacks=()):
    """Fit on two halves; `spoil` turns the labels of one half round."""
    pairs, _, _ = search_batches(data, 32, 0, range(epochs))
    if spoil is not None:
        pairs = pairs.map(
            lambda first, second: (
                (first[0], 2 - first[1] if spoil == 0 else first[1]),
                (second[0], 2 - second[1] if spoil == 1 else second[1]),
            )
        )
    search.fit(
        pairs,
        epochs=epochs,
        steps_per_epoch=4,
        verbose=0,
        shuffle=False,
        callbacks=[*callbacks],
    )
    return search


def graph(search):
    """A search's step as one graph: else much of it is traced at each call."""
    return tf.function(search.step, autograph=False)


def first_pair(data):
    """A batch of either half: what one step takes."""
    return next(iter(search_batches(data, 32, 0, range(1))[0]))


def ends(search, data, spoils):
    """Where weights and hypernetwork end from the same start, for each way to spoil.

    One search serves them all: tracing it takes longer than its steps.
    """
    parts = (search, search.optimizer, search.arch_optimizer)
    variables = [variable for part in parts for variable in part.variables]
    start = [np.array(variable) for variable in variables]
    for spoil in spoils:
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        fit(search, data, spoil=spoil)
        yield values(search.supernet), values(search.hypernetwork)


def search_into(run, tiny_data, config=CONFIG, **kwargs):
    return run_search(config, stand_in_table(TINY), tiny_data, run, **kwargs)


def values(model):
    return [np.array(variable) for variable in model.trainable_variables]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def unsettle(model):
    """Give weights other values, so that nothing is 0 or equal by chance."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(size=weight.shape))


def gumbel(shape, seed):
    """The noise of a seed, from its uniform numbers as the paper defines it."""
    numbers = tf.random.stateless_uniform(shape, seed, 1e-7, 1.0)
    return -np.log(-np.log(numbers.numpy() * np.float32(1 - 1e-7)))


def softmax(x):
    powers = np.exp(x)
    return powers / powers.sum(axis=-1, keepdims=True)
