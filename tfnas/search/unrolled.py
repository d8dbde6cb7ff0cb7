"""The unrolled gradient of DARTS: by gamma, after one more step of the weights."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

_EPSILON = 0.01


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
