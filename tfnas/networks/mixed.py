"""The layer of the supernet: every candidate op of one slot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tfnas.errors import SettingsError
from tfnas.networks.fast_layers import supernet_layers as layers
from tfnas.spaces.ops import Op, find_op, run
from tfnas.spaces.site import Slot

Traced = Callable[[Any, Any, list[Any]], Any]


@keras.saving.register_keras_serializable("tfnas")
class MixedOp(keras.layers.Layer):
    """All candidate ops of one slot, weighted by their choice's row of gamma.

    `soft` computes `sum_m gamma[e, m] * op_m(x)` (DARTS, arXiv 1806.09055, eq. 2).
    `sampled` runs only the op whose gamma is 1, so that a slot costs as much as one op;
    gamma has no gradient there.

    Slots of one shape are traced once: candidates keep no state beside their weights.

    Args:
        op_names: Candidates, in the order of the space; None for one that may not stand
            here, which like an op that puts out nothing counts as zeros.
        slot: The place, a `Slot` or its fields by name.
        mode: `"soft"` or `"sampled"`.
        added: Whether the input is added to what each candidate puts out; to none where
            it is empty.

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
        added: Sequence[bool] = (),
        **kwargs: Any,
    ) -> None:
        # Gamma and its gradient stay float32; the candidates cast what they read.
        super().__init__(**{**kwargs, "autocast": False})
        if mode not in ("soft", "sampled"):
            raise ValueError(f"`mode` must be 'soft' or 'sampled'. Received: {mode!r}")
        self.op_names = list(op_names)
        self.slot = slot if isinstance(slot, Slot) else Slot(**slot)
        self.mode = mode
        self.added = [*added] or [False] * len(self.op_names)
        self.ops = [find_op(name) if name else None for name in op_names]
        self.candidates = [self._layers_of(op) for op in self.ops]

    def _layers_of(self, op: Op | None) -> list[Any] | None:
        if op is None or op.chain is None:
            return None
        chain = op.chain(layers, self.slot, f"{self.name}_{op.name}")
        if op.has_branches(self.slot) and len(chain) % 3:
            raise SettingsError(
                f"{op.name} is plain and has {len(chain)} layers: they must be "
                "convolution, batch norm and activation, once or several times"
            )
        return chain

    def build(self, x_shape: Any, gamma_shape: Any) -> None:
        del gamma_shape
        for chain in self.candidates:
            shape = x_shape
            for layer in chain or []:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)
                _require_stateless(layer)
        shape = replace(self.slot, choice=0, name="")
        policy = keras.config.dtype_policy().name
        key = (tuple(self.ops), tuple(self.added), shape, self.mode, policy)
        candidates = zip(self.ops, self.candidates, self.added, strict=True)
        runs = [partial(_run, *candidate, self.slot) for candidate in candidates]
        traced = _traced(runs, _weights(self.candidates), self.mode)
        self._traced = _TRACED.setdefault(key, traced)

    def call(self, x: Any, gamma: Any, training: bool = False) -> Any:
        del training  # their batch norm takes the batch, always
        row = gamma[self.slot.choice]
        weights = [*map(tf.convert_to_tensor, _weights(self.candidates))]
        return self._traced(x, row, weights)

    def compute_output_shape(self, x_shape: Any, gamma_shape: Any) -> Any:
        del gamma_shape
        return (x_shape[0], *self.slot.output_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "op_names": self.op_names,
            "slot": asdict(self.slot),
            "mode": self.mode,
            "added": self.added,
        }


# What slots of one shape compute, as one graph that takes their weights: TensorFlow
# traces it once, however many slots and searches call it. The layers of the first such
# slot stay in memory with it.
_TRACED: dict[tuple[Any, ...], Traced] = {}


def _require_stateless(layer: Any) -> None:
    is_norm = isinstance(layer, keras.layers.BatchNormalization)
    if layer.non_trainable_variables and not is_norm:
        raise SettingsError(
            f"{layer.name} keeps a state beside its weights, which ops of a "
            "supernet may not: noise and averages would mix all members"
        )


def _weights(candidates: list[Any]) -> list[Any]:
    chains = [layer for chain in candidates for layer in chain or []]
    return [weight for layer in chains for weight in layer.trainable_variables]


def _traced(
    runs: Sequence[Callable[[Any], Any]], variables: list[Any], mode: str
) -> Traced:
    """The graph of slots of one shape, made of the candidates of the first of them."""

    def mix(x: Any, row: Any, weights: list[Any]) -> Any:
        with keras.StatelessScope(state_mapping=zip(variables, weights, strict=True)):
            calls = [partial(one, x) for one in runs]
            if mode == "sampled":
                return tf.switch_case(tf.argmax(row, output_type=tf.int32), calls)
            terms = zip(tf.unstack(row), calls, strict=True)
            return tf.add_n([tf.cast(w, (y := call()).dtype) * y for w, call in terms])

    traced: Traced = tf.function(mix, autograph=False)
    return traced


def _run(op: Op | None, chain: list[Any] | None, adds: bool, slot: Slot, x: Any) -> Any:
    if op is None or chain is None:
        return x if adds else tf.zeros((tf.shape(x)[0], *slot.output_shape), x.dtype)
    y = run(chain, x, branches=op.has_branches(slot), training=True)
    return x + y if adds else y
