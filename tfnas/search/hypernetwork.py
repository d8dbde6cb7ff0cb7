"""The hypernetwork: a point of the simplex in, the logits of every choice out."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tfnas.spaces.simplex import grid, uniform

_GRID_STEPS = 2
# Sharper, or learnable, and all edges change their ops between the same two pivots; at
# this value alpha bends but little, and each edge changes where its own costs say.
_SHARPNESS = 2.0


@keras.saving.register_keras_serializable("tfnas")
class PivotHypernetwork(keras.Model):
    """Reference logits, mixed by how near the point is to their pivots.

    `alpha(S) = sum_n softmax_n(-c |S - p_n|^2) R_n` (Firsov 2024; its published code
    has the sign turned round). Pivots `p` stay on the simplex, as a softmax of free
    variables; they start at its vertices, the middles of its edges and its centre. The
    reference logits `R` start at 0, so that no op is preferred. `c` is fixed.

    Args:
        num_axes: Axes of the simplex.
        num_choices: Choices of the space.
        num_ops: Ops of the space.

    Call arguments:
        point: Complexity vector, shape `(num_axes,)`.

    Output shape:
        `(num_choices, num_ops)`
    """

    def __init__(
        self, num_axes: int, num_choices: int, num_ops: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_axes = num_axes
        self.num_choices = num_choices
        self.num_ops = num_ops
        starts = np.array([*grid(num_axes, _GRID_STEPS), uniform(num_axes)])
        self.pivot_logits = self.add_weight(
            shape=starts.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(
                np.log(starts + 0.05), dtype
            ),
            name="pivot_logits",
        )
        self.references = self.add_weight(
            shape=(len(starts), num_choices * num_ops),
            initializer="zeros",
            name="references",
        )

    def call(self, point: Any) -> Any:
        pivots = ops.softmax(self.pivot_logits, axis=-1)
        distances = ops.sum(ops.square(point - pivots), axis=-1)
        mix = ops.softmax(-_SHARPNESS * distances)
        alpha = ops.sum(mix[:, None] * self.references, axis=0)
        return ops.reshape(alpha, (self.num_choices, self.num_ops))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_axes": self.num_axes,
            "num_choices": self.num_choices,
            "num_ops": self.num_ops,
        }


@keras.saving.register_keras_serializable("tfnas")
class MlpHypernetwork(keras.Model):
    """A small network with one hidden layer; its logits start at 0.

    Args:
        num_axes: Axes of the simplex.
        num_choices: Choices of the space.
        num_ops: Ops of the space.
        units: Width of the hidden layer.

    Call arguments:
        point: Complexity vector, shape `(num_axes,)`.

    Output shape:
        `(num_choices, num_ops)`
    """

    def __init__(
        self,
        num_axes: int,
        num_choices: int,
        num_ops: int,
        units: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_axes = num_axes
        self.num_choices = num_choices
        self.num_ops = num_ops
        self.units = units
        self.hidden = layers.Dense(units, "tanh", name="hidden")
        self.logits = layers.Dense(
            num_choices * num_ops, kernel_initializer="zeros", name="logits"
        )

    def build(self, point_shape: Any) -> None:
        del point_shape
        self.hidden.build((1, self.num_axes))
        self.logits.build((1, self.units))

    def call(self, point: Any) -> Any:
        alpha = self.logits(self.hidden(point[None] * self.num_axes - 1))
        return ops.reshape(alpha, (self.num_choices, self.num_ops))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_axes": self.num_axes,
            "num_choices": self.num_choices,
            "num_ops": self.num_ops,
            "units": self.units,
        }


HYPERNETWORKS = {"pivot": PivotHypernetwork, "mlp": MlpHypernetwork}
