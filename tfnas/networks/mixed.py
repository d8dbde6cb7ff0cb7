"""The layer of the supernet: every candidate op of one edge."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tfnas.networks.fast_layers import supernet_layers as layers
from tfnas.spaces.ops import OPS, op_chain, run


@tf.custom_gradient  # type: ignore[untyped-decorator]
def gate(x: Any, weight: Any) -> Any:
    """`weight * x` for a weight that is 1: nothing to multiply on the way forward.

    Args:
        x: What the chosen op put out.
        weight: The chosen op's gamma, numerically 1, shape `()`.

    Returns:
        `x`; the gradient of the weight is `sum(dy * x)`, that of `x` is `dy`.
    """
    return tf.identity(x), lambda dy: (
        dy,
        tf.reduce_sum(tf.cast(dy, weight.dtype) * tf.cast(x, weight.dtype)),
    )


@keras.saving.register_keras_serializable("tfnas")
class MixedOp(keras.layers.Layer):
    """All candidate ops of one edge, weighted by that edge's row of gamma.

    `soft` computes `sum_m gamma[e, m] * op_m(x)` (DARTS, arXiv 1806.09055, eq. 2).
    `sampled` runs only the op whose gamma is 1 and passes the gradient straight through
    to gamma (GDAS, arXiv 1910.04465), so that an edge costs as much as one op.

    Args:
        op_names: Candidates, in the order of the space.
        filters: Channels of the input and of every candidate's output.
        stride: 1, or 2 on an edge that halves the feature map.
        choice: Row of gamma that this edge reads.
        mode: `"soft"` or `"sampled"`.

    Call arguments:
        x: Feature map, shape `(batch, height, width, filters)`.
        gamma: Op weights of all choices, shape `(num_choices, num_ops)`; in sampled
            mode each row is one-hot.

    Output shape:
        `(batch, ceil(height / stride), ceil(width / stride), filters)`
    """

    def __init__(
        self,
        op_names: Sequence[str],
        filters: int,
        stride: int,
        choice: int,
        mode: str,
        **kwargs: Any,
    ) -> None:
        # Gamma and its gradient stay float32; the candidates cast what they read.
        super().__init__(**{**kwargs, "autocast": False})
        if mode not in ("soft", "sampled"):
            raise ValueError(f"`mode` must be 'soft' or 'sampled'. Received: {mode!r}")
        self.op_names = list(op_names)
        self.filters = filters
        self.stride = stride
        self.choice = choice
        self.mode = mode
        self.candidates = [
            op_chain(op, layers, filters, stride, self.name) if OPS[op] else None
            for op in op_names
        ]

    def build(self, x_shape: Any, gamma_shape: Any) -> None:
        del gamma_shape
        for chain in self.candidates:
            shape = x_shape
            for layer in chain or []:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def call(self, x: Any, gamma: Any, training: bool = False) -> Any:
        row = gamma[self.choice]
        branches = [partial(self._run, chain, x, training) for chain in self.candidates]
        if self.mode == "soft":
            terms = zip(tf.unstack(row), branches, strict=True)
            return tf.add_n([tf.cast(w, (y := run()).dtype) * y for w, run in terms])
        y = tf.switch_case(tf.argmax(row, output_type=tf.int32), branches)
        return gate(y, tf.reduce_max(row))

    def _run(self, chain: list[Any] | None, x: Any, training: bool) -> Any:
        if chain is None:
            return tf.zeros_like(x[:, :: self.stride, :: self.stride])
        return run(chain, x, training=training) if chain else x

    def compute_output_shape(self, x_shape: Any, gamma_shape: Any) -> Any:
        del gamma_shape
        batch, height, width, _ = x_shape
        halved = (n if n is None else -(-n // self.stride) for n in (height, width))
        return (batch, *halved, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "op_names": self.op_names,
            "filters": self.filters,
            "stride": self.stride,
            "choice": self.choice,
            "mode": self.mode,
        }
