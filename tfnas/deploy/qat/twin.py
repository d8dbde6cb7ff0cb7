"""A member once more on `tf_keras`, which training with int8 in the loop needs."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from tfnas.deploy.qat.legacy_keras import tf_keras
from tfnas.errors import ModelError
from tfnas.networks.build import build
from tfnas.networks.weights import named_weights
from tfnas.spaces.architecture import Architecture


def twin(model: Any, architecture: Architecture) -> Any:
    """Build a member on `tf_keras`, with the weights of its Keras 3 model.

    Args:
        model: The member as `build` makes it.
        architecture: The member.

    Returns:
        A `tf_keras.Model` of the same images and logits; its sums have two inputs each.

    Raises:
        ModelError: If its layers, or what it computes, are not the model's.
    """
    # Names of layers and models end up in the flatbuffer: none may count up.
    copy = build(
        architecture, layers=_LAYERS, model=partial(tf_keras.Model, name="net")
    )
    weights = named_weights(model)
    shapes, expected = _shapes(weights), _shapes(named_weights(copy))
    if odd := sorted({name for name, _ in shapes ^ expected}):
        raise ModelError(
            f"The model is not of this architecture: they differ in {', '.join(odd)}"
        )
    for name, values in weights.items():
        copy.get_layer(name).set_weights(values)
    _require_equal(model, copy)
    return copy


def _shapes(weights: Any) -> set[tuple[str, str]]:
    return {(name, str([v.shape for v in vs])) for name, vs in weights.items()}


def _require_equal(model: Any, copy: Any) -> None:
    shape = (4, *copy.input_shape[1:])
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    expected, got = (np.asarray(net(images, training=False)) for net in (model, copy))
    # float32 sums in another order
    if not np.allclose(got, expected, rtol=0, atol=1e-4 * np.abs(expected).max()):
        raise ModelError(
            "tf_keras and Keras compute different logits from the same weights: up to "
            f"{np.abs(got - expected).max():.2g} apart"
        )


def _binary_sums(name: str) -> Callable[[list[Any]], Any]:
    """An `Add` of two by two: in int8, partial sums are tensors with a range."""

    def add(terms: list[Any]) -> Any:
        total, *rest = terms
        names = [f"{name}_of{count}" for count in range(2, len(terms))]
        for term, step in zip(rest, [*names, name], strict=True):
            total = tf_keras.layers.Add(name=step)([total, term])
        return total

    return add


_LAYERS = SimpleNamespace(**{**vars(tf_keras.layers), "Add": _binary_sums})
