"""Relaxed draws: points of the simplex, and ops of the choices.

Every draw is a function of its seed, two integers: who goes on at step 1,000 draws what
the others drew there, and so do all workers of one search.
"""

from typing import Any

import tensorflow as tf


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


def straight_through(gamma: Any) -> Any:
    """One-hot of the largest share; its gradient is that of the shares.

    Args:
        gamma: Shares, shape `(..., num_ops)`.
    """
    hard = tf.one_hot(tf.argmax(gamma, axis=-1), gamma.shape[-1], dtype=gamma.dtype)
    return hard + (gamma - tf.stop_gradient(gamma))


def gumbel_point(num_axes: int, seed: Any) -> Any:
    """`S ~ GumbelSoftmax(0, 1)`: covers the simplex, denser near its vertices."""
    return gumbel_softmax(tf.zeros((num_axes,)), 1.0, seed)


def dirichlet_point(num_axes: int, seed: Any) -> Any:
    """`S` uniform on the simplex: exponential draws, divided by their sum."""
    draws = -tf.math.log(tf.random.stateless_uniform((num_axes,), seed, 1e-7, 1.0))
    return draws / tf.reduce_sum(draws)


SAMPLERS = {"gumbel": gumbel_point, "dirichlet": dirichlet_point}
