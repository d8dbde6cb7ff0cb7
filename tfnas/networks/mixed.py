"""The layer of the supernet: every candidate op of one slot."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tfnas.networks.fast_layers import supernet_layers as layers
from tfnas.spaces.ops import find_op, run
from tfnas.spaces.site import Slot


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
    """All candidate ops of one slot, weighted by their choice's row of gamma.

    `soft` computes `sum_m gamma[e, m] * op_m(x)` (DARTS, arXiv 1806.09055, eq. 2).
    `sampled` runs only the op whose gamma is 1 and passes the gradient straight through
    to gamma (GDAS, arXiv 1910.04465), so that a slot costs as much as one op.

    Args:
        op_names: Candidates, in the order of the space; None for one that may not stand
            here, which like an op that puts out nothing counts as zeros.
        slot: The place, a `Slot` or its fields by name.
        mode: `"soft"` or `"sampled"`.

    Call arguments:
        x: Feature map, shape `(batch, height, width, in_channels)`.
        gamma: Op weights of all choices, shape `(num_choices, num_ops)`; in sampled
            mode each row is one-hot.

    Output shape:
        `(batch, ceil(height / stride), ceil(width / stride), out_channels)`
    """

    def __init__(
        self,
        op_names: Sequence[str | None],
        slot: Slot | Mapping[str, Any],
        mode: str,
        **kwargs: Any,
    ) -> None:
        # Gamma and its gradient stay float32; the candidates cast what they read.
        super().__init__(**{**kwargs, "autocast": False})
        if mode not in ("soft", "sampled"):
            raise ValueError(f"`mode` must be 'soft' or 'sampled'. Received: {mode!r}")
        self.op_names = list(op_names)
        self.slot = slot if isinstance(slot, Slot) else Slot(**slot)
        self.mode = mode
        self.candidates = [self._layers_of(name) for name in op_names]

    def _layers_of(self, op_name: str | None) -> list[Any] | None:
        op = find_op(op_name) if op_name else None
        if op is None or op.chain is None:
            return None
        return op.chain(layers, self.slot, f"{self.name}_{op.name}")

    def build(self, x_shape: Any, gamma_shape: Any) -> None:
        del gamma_shape
        for chain in self.candidates:
            shape = x_shape
            for layer in chain or []:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def call(self, x: Any, gamma: Any, training: bool = False) -> Any:
        row = gamma[self.slot.choice]
        branches = [partial(self._run, chain, x, training) for chain in self.candidates]
        if self.mode == "soft":
            terms = zip(tf.unstack(row), branches, strict=True)
            return tf.add_n([tf.cast(w, (y := run()).dtype) * y for w, run in terms])
        y = tf.switch_case(tf.argmax(row, output_type=tf.int32), branches)
        return gate(y, tf.reduce_max(row))

    def _run(self, chain: list[Any] | None, x: Any, training: bool) -> Any:
        if chain is None:
            return tf.zeros((tf.shape(x)[0], *self.slot.output_shape), x.dtype)
        return run(chain, x, training=training) if chain else x

    def compute_output_shape(self, x_shape: Any, gamma_shape: Any) -> Any:
        del gamma_shape
        return (x_shape[0], *self.slot.output_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "op_names": self.op_names,
            "slot": asdict(self.slot),
            "mode": self.mode,
        }
