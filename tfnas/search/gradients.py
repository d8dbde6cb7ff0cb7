"""How a loss changes with what is chosen: by drawn ops, or ahead of a step."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfnas.search.distribute import sum_over_replicas

_EPSILON = 0.01


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
    loss_of: Callable[[Any], tuple[Any, Any]], gamma: Any, gamma_bar: Any
) -> tuple[Any, Any, Any]:
    """`score_gradient` of draws whose losses are still to be told.

    Args:
        loss_of: Maps op weights of all choices to a batch's loss and logits.
        gamma: The draws, shape `(count, num_choices, num_ops)`.
        gamma_bar: Their probabilities, shape `(num_choices, num_ops)`.

    Returns:
        Mean loss, logits of the first draw, and the gradient.
    """
    seen = [loss_of(one) for one in tf.unstack(gamma)]
    losses = tf.stack([loss for loss, _ in seen])
    gradient = score_gradient(sum_over_replicas(losses), gamma, gamma_bar)
    return tf.reduce_mean(losses), seen[0][1], gradient


def unrolled_gradients(
    gradients: Callable[..., Any],
    variables: Sequence[Any],
    rate: Any,
    train: tuple[Any, Any],
    val: tuple[Any, Any],
    gamma: Any,
) -> tuple[Any, Any, Any]:
    """Gradient of the validation loss after one step of the weights, by gamma.

    With `w' = w - xi dL_train(w, gamma)/dw`, it is (DARTS, arXiv 1806.09055, eq. 7, 8)

        dL_val(w', gamma)/dgamma
        - xi (dL_train(w+, gamma)/dgamma - dL_train(w-, gamma)/dgamma) / (2 epsilon)

    where `w+-` lies `epsilon` along `dL_val(w', gamma)/dw'` from `w`, and `epsilon` is
    0.01 over that gradient's norm. The weights are moved to evaluate it and put back.

    Args:
        gradients: Maps images, labels and gamma to loss, logits and the loss's
            gradients by `variables` and by gamma.
        variables: The weights `w`.
        rate: The virtual step `xi`, a scalar.
        train: Images and labels of a training batch.
        val: Images and labels of a validation batch.
        gamma: Op weights of all choices, shape `(num_choices, num_ops)`.

    Returns:
        Validation loss and logits at `w'`, and the gradient, the shape of gamma.
    """
    start = [tf.identity(variable) for variable in variables]
    step, _ = gradients(*train, gamma)[2]
    _place(variables, start, step, -rate)
    loss, logits, (direction, by_gamma) = gradients(*val, gamma)
    epsilon = _EPSILON / tf.linalg.global_norm(direction)
    sides = []
    for sign in (1.0, -1.0):
        _place(variables, start, direction, sign * epsilon)
        sides.append(gradients(*train, gamma)[2][1])
    for variable, origin in zip(variables, start, strict=True):
        variable.assign(origin)
    implicit = rate * (sides[0] - sides[1]) / (2 * epsilon)
    return loss, logits, by_gamma - implicit


def _place(
    variables: Sequence[Any], start: Sequence[Any], along: Sequence[Any], by: Any
) -> None:
    for variable, origin, direction in zip(variables, start, along, strict=True):
        variable.assign(origin + by * direction)
