"""The hypernetwork: a point of the simplex and a strength in, all logits out."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tfnas.spaces.simplex import grid, uniform

_GRID_STEPS = 2
# A softmax cannot lie on the simplex's rim: pivots start so far inside.
_INWARDS = 0.15
# Share of its own pivot at a vertex of the simplex. More, or learnable, and all choices
# change their ops between the same two pivots; at this value alpha bends but little,
# and each choice changes where its own costs say.
_AT_VERTEX = 0.47
# The logit of an op that may not stand at a choice, or that a target does not run.
NEVER = -1e9
# By how much the logit of a choice's largest op is ahead where the data say nothing.
_LARGE_FIRST = 0.5
# References for the strength lie at these levels, from its least to its most.
_LEVELS = (-1.0, -1 / 3, 1 / 3, 1.0)


class Hypernetwork(keras.Model):
    """`alpha = H_a(S, r)` at one point or many: what both kinds have in common.

    `alpha[e, m] = free(S, l)[e, m] - g[e, m] log(1 + 10^l A S_a)` for op `m` of axis
    `a`, where `l` is the level of the strength: each op answers to its own price by a
    gain `g` that is learned and starts at 0. Without it an op that is free at the rim
    of the simplex keeps the logits of points nearby, where it is dear, and the family
    does not reach its slowest networks.

    Args:
        num_axes: Axes of the simplex, `A`.
        num_choices: Choices of the space.
        num_ops: Ops of the space.
        axis_of_ops: The axis of every op; by default each has one of its own.

    Call arguments:
        point: Complexity vector `S`, shape `(..., num_axes)`.
        level: The logarithm of the strength `r`, -1 at the least that is drawn and 1 at
            the most, shape `(...)`.

    Output shape:
        `(..., num_choices, num_ops)`
    """

    def __init__(
        self,
        num_axes: int,
        num_choices: int,
        num_ops: int,
        axis_of_ops: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_axes = num_axes
        self.num_choices = num_choices
        self.num_ops = num_ops
        self.axis_of_ops = list(range(num_ops) if axis_of_ops is None else axis_of_ops)
        self.gains = self.add_weight(
            shape=(num_choices, num_ops), initializer="zeros", name="gains"
        )

    def priced(self, free: Any, point: Any, level: Any) -> Any:
        """The logits, from those of all choices that know no gains.

        Args:
            free: What a kind of hypernetwork says, in one row.
            point: As `call` takes it.
            level: As `call` takes it.
        """
        prices = ops.log1p(10.0 ** level[..., None] * self.num_axes * point)
        own = ops.take(prices, self.axis_of_ops, axis=-1)
        shape = (*ops.shape(level), self.num_choices, self.num_ops)
        return ops.reshape(free, shape) - self.gains * own[..., None, :]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_axes": self.num_axes,
            "num_choices": self.num_choices,
            "num_ops": self.num_ops,
            "axis_of_ops": self.axis_of_ops,
        }


@keras.saving.register_keras_serializable("tfnas")
class PivotHypernetwork(Hypernetwork):
    """Reference logits, mixed by how near the point is to their pivots.

    `free(S) = sum_n softmax_n(-c |S - p_n|^2) R_n` (Firsov 2024; its published code
    has the sign turned round). Pivots `p` stay on the simplex, as a softmax of free
    variables; they start at its vertices, the middles of its edges and its centre. The
    reference logits `R` start at 0, so that no op is preferred. `c` is fixed: at a
    vertex the pivot that starts there has a share of 0.47, however many axes there are.

    Each `R_n` is piecewise linear in the logarithm of the strength, as the map of
    DARTS-CC (Yakovlev 2022) is in its scalar: four references lie at even distances.
    """

    def __init__(
        self,
        num_axes: int,
        num_choices: int,
        num_ops: int,
        axis_of_ops: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_axes, num_choices, num_ops, axis_of_ops, **kwargs)
        starts = np.array([*grid(num_axes, _GRID_STEPS), uniform(num_axes)])
        starts = (starts + _INWARDS / num_axes) / (1 + _INWARDS)
        self.sharpness = sharpness(starts)
        self.pivot_logits = self.add_weight(
            shape=starts.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(
                np.log(starts), dtype
            ),
            name="pivot_logits",
        )
        self.references = self.add_weight(
            shape=(len(starts), len(_LEVELS), num_choices * num_ops),
            initializer="zeros",
            name="references",
        )

    def call(self, point: Any, level: Any) -> Any:
        pivots = ops.softmax(self.pivot_logits, axis=-1)
        distances = ops.sum(ops.square(point[..., None, :] - pivots), axis=-1)
        mix = ops.softmax(-self.sharpness * distances)
        away = ops.abs(level[..., None] - ops.convert_to_tensor(_LEVELS))
        by_level = ops.relu(1 - away / (_LEVELS[1] - _LEVELS[0]))
        shares = mix[..., None] * by_level[..., None, :]
        free = ops.tensordot(shares, self.references, 2)
        return self.priced(free, point, level)


def sharpness(pivots: Any) -> float:
    """`c` at which a vertex gives its own pivot a share of 0.47, found by bisection.

    Args:
        pivots: Where they start, the vertices among them, shape `(num, num_axes)`.
    """
    vertex = np.eye(pivots.shape[1])[0]
    distances = np.sum((pivots - vertex) ** 2, axis=1)
    farther = distances - distances.min()
    low, high = 0.0, 1000.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        if 1 / np.sum(np.exp(-middle * farther)) < _AT_VERTEX:
            low = middle
        else:
            high = middle
    return low


@keras.saving.register_keras_serializable("tfnas")
class MlpHypernetwork(Hypernetwork):
    """A small network with one hidden layer; its logits start at 0.

    Args:
        units: Width of the hidden layer.
    """

    def __init__(
        self,
        num_axes: int,
        num_choices: int,
        num_ops: int,
        axis_of_ops: Sequence[int] | None = None,
        units: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_axes, num_choices, num_ops, axis_of_ops, **kwargs)
        self.units = units
        self.hidden = layers.Dense(units, "tanh", name="hidden")
        self.logits = layers.Dense(
            num_choices * num_ops, kernel_initializer="zeros", name="logits"
        )

    def build(self, point_shape: Any, level_shape: Any = None) -> None:
        del point_shape, level_shape
        self.hidden.build((1, self.num_axes + 1))
        self.logits.build((1, self.units))

    def call(self, point: Any, level: Any) -> Any:
        even = point * self.num_axes - 1
        seen = ops.concatenate([even, level[..., None]], axis=-1)
        flat = ops.reshape(seen, (-1, self.num_axes + 1))
        return self.priced(self.logits(self.hidden(flat)), point, level)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def starting_logits(params: Any, usable: Any) -> Any:
    """Logits before the hypernetwork has learned: the more weights, the higher.

    The data say little of each of many ops within one search. Where they say nothing,
    prices alone would speak, and a family would miss the large end of its space.

    Args:
        params: Parameters of every op at every choice, shape `(num_choices, num_ops)`.
        usable: Which ops may stand there and run, of that shape.

    Returns:
        Of that shape; so low that it is never drawn where an op is not usable.
    """
    most = np.max(np.where(usable, params, 0), axis=1, keepdims=True)
    start = _LARGE_FIRST * params / np.maximum(most, 1)
    return np.where(usable, start, NEVER).astype(np.float32)


HYPERNETWORKS = {"pivot": PivotHypernetwork, "mlp": MlpHypernetwork}
