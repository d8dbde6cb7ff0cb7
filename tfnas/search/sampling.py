"""Relaxed draws: points of the simplex, and ops of the choices.

Every draw is a function of its seed, two integers: who goes on at step 1,000 draws what
the others drew there, and so do all workers of one search.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfnas.search.distribute import sum_over_replicas
from tfnas.search.hypernetwork import NEVER
from tfnas.search.settings import SearchConfig

# Draws are compared on one in so many images of a batch: at equal time, more draws tell
# more than more images, which all draws share.
_PART = 3


def gumbel_softmax(logits: Any, temperature: Any, seed: Any) -> Any:
    """Relaxed one-hot draws (Jang 2017, arXiv 1611.01144, eq. 2).

    Args:
        logits: Any shape; the last axis is drawn over.
        temperature: Towards 0 the draws become one-hot.
        seed: Two integers, shape `(2,)`.

    Returns:
        Shares that sum to 1 along the last axis, the shape of `logits`.
    """
    noise = tf.random.stateless_uniform(tf.shape(logits), seed, 1e-7, 1.0)
    gumbel = -tf.math.log(-tf.math.log(noise * (1 - 1e-7)))
    return tf.nn.softmax((logits + gumbel) / temperature, axis=-1)


def score_gradient(losses: Any, gamma: Any, gamma_bar: Any) -> Any:
    """Gradient of the expected loss by the logits, from the losses of drawn ops.

    `mean_i (L_i - mean of the other L) (gamma_i - gamma_bar)`: REINFORCE (Williams
    1992) with the other draws as its baseline (Kool 2019, "Buy 4 REINFORCE samples, get
    a baseline for free!"). It has no bias. The straight-through gradient has one where
    batch norm follows an op: it asks how the loss changes with the op's scale, which is
    hardly at all, whatever the op is worth.

    Args:
        losses: Of every draw on one batch, shape `(count,)`, at least two.
        gamma: The draws, one-hot, shape `(count, num_choices, num_ops)`.
        gamma_bar: Their probabilities, shape `(num_choices, num_ops)`.

    Returns:
        The shape of `gamma_bar`.
    """
    count = losses.shape[0]
    better = (losses - tf.reduce_mean(losses)) * count / (count - 1)
    return tf.reduce_mean(better[:, None, None] * (gamma - gamma_bar), axis=0)


def drawn_gradient(
    loss_of: Callable[[Any, Any, Any], tuple[Any, Any]],
    batch: Sequence[Any],
    gamma: Any,
    gamma_bar: Any,
) -> tuple[Any, Any, Any]:
    """`score_gradient` of draws whose losses are still to be told.

    Args:
        loss_of: Maps images, classes and op weights of all choices to loss and logits.
        batch: Images and classes, of which the first third is looked at.
        gamma: The draws, shape `(count, num_choices, num_ops)`.
        gamma_bar: Their probabilities, shape `(num_choices, num_ops)`.

    Returns:
        Mean loss, logits of the first draw, and the gradient.
    """
    x, y = (values[: -(-tf.shape(values)[0] // _PART)] for values in batch)
    seen = [loss_of(x, y, one) for one in tf.unstack(gamma)]
    losses = tf.stack([loss for loss, _ in seen])
    gradient = score_gradient(sum_over_replicas(losses), gamma, gamma_bar)
    return tf.reduce_mean(losses), seen[0][1], gradient


def gumbel_point(focus: Any, tau: float, seed: Any) -> Any:
    """`S ~ GumbelSoftmax(theta, tau)` with `theta = log(focus)` (Firsov 2024).

    At the uniform point it covers the simplex; at `tau = 1` it is as dense in the
    middle as uniform draws, rarer along the edges, and dense at the vertices (arXiv
    1611.00712, eq. 10: without bound). A lower tau draws to the vertices, a higher one
    to the uniform point; an axis has the largest share as often as the focus says.

    Args:
        focus: The point that draws favour, shape `(..., num_axes)`.
        tau: Temperature.
        seed: Two integers, shape `(2,)`.
    """
    return gumbel_softmax(tf.math.log(tf.maximum(focus, 1e-6)), tau, seed)


def dirichlet_point(focus: Any, tau: float, seed: Any) -> Any:
    """`S` uniform on the simplex: exponential draws, divided by their sum."""
    del tau
    draws = -tf.math.log(tf.random.stateless_uniform(focus.shape, seed, 1e-7, 1.0))
    return draws / tf.reduce_sum(draws, axis=-1, keepdims=True)


def fixed_point(focus: Any, tau: float, seed: Any) -> Any:
    """The focus, always: a search for the networks of one point."""
    del tau, seed
    return focus


SAMPLERS = {
    "gumbel": gumbel_point,
    "dirichlet": dirichlet_point,
    "fixed": fixed_point,
}


class Draws:
    """What either half of a step draws: a point, a strength, and ops.

    Args:
        config: Sampler, focus and tau of points, strengths, mode, and the seed.
        axes: Names of the axes of the budget.
    """

    def __init__(self, config: SearchConfig, axes: Sequence[str]) -> None:
        self._config = config
        self._focus = np.array(config.focus_point(axes), np.float32)
        self._sample = SAMPLERS[config.sampler]

    def seeds(self, iteration: Any) -> list[Any]:
        """Eight: of points, strengths and ops of either half, then of the prices."""
        first = 8 * tf.cast(iteration, tf.int32)
        return [tf.stack([self._config.seed, first + draw]) for draw in range(8)]

    def points(self, seeds: Sequence[Any], count: int) -> tuple[Any, Any]:
        """Points of the simplex, and levels of strengths, which are log-uniform.

        Args:
            seeds: Of the points and of the strengths.
            count: How many.

        Returns:
            Shapes `(count, num_axes)` and `(count,)`.
        """
        focus = tf.tile(self._focus[None], (count, 1))
        points = self._sample(focus, self._config.tau, seeds[0])
        return points, tf.random.stateless_uniform((count,), seeds[1], -1.0, 1.0)

    def even(self, start: Any, empty: Any, seed: Any) -> Any:
        """Logits by which the ops of one network are drawn, for the weights to move.

        How many choices are left empty is drawn evenly (the elastic depth of arXiv
        1908.09791). If each drew on its own, networks of few blocks, to which prices
        lead, would hardly ever be trained, and score 30 points less than they are
        worth.

        Args:
            start: Logits of the ops, shape `(num_choices, num_ops)`.
            empty: Which ops put out nothing, shape `(num_ops,)`.
            seed: Two integers.

        Returns:
            The shape of `start`.
        """
        share = tf.random.stateless_uniform((), seed, 1e-4, 1 - 1e-4)
        others = tf.where(empty, NEVER, start)
        level = tf.reduce_logsumexp(others, axis=-1, keepdims=True)
        level += tf.math.log(share / (1 - share))
        alone = tf.reduce_all(others <= NEVER, axis=-1, keepdims=True)
        level = tf.where(alone, 0.0, level)
        return tf.where(empty & (start > NEVER), level, others)

    def gamma(self, alpha: Any, temperature: Any, seed: Any) -> Any:
        """Relaxed one-hot per choice; one-hot in sampled mode, at any temperature."""
        gamma = gumbel_softmax(alpha, temperature, seed)
        if self._config.mode == "soft":
            return gamma
        return tf.one_hot(tf.argmax(gamma, axis=-1), gamma.shape[-1])
