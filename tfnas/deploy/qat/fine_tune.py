"""A trained float member -> one that has learned to live with int8, as .tflite.

The member is built once more on `tf_keras`, where tensorflow-model-optimization puts
the rounding of int8 into it, and trained on.
"""

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from tfnas.data.batches import batches
from tfnas.data.dataset import Dataset
from tfnas.data.halves import calibration_images
from tfnas.deploy.qat.fake_quant import fake_quantized
from tfnas.deploy.qat.grids import ranges
from tfnas.deploy.qat.legacy_keras import tf_keras
from tfnas.deploy.settings import TrainConfig
from tfnas.errors import ModelError
from tfnas.networks.build import build
from tfnas.networks.convert import convert_int8
from tfnas.networks.weights import named_weights
from tfnas.spaces.architecture import Architecture
from tfnas.tflite.graph import check_int8

EPOCHS = 1
_LR_SHARE = 0.1
_MOMENTUM = 0.9


def fine_tune(
    model: Any,
    architecture: Architecture,
    data: Dataset,
    config: TrainConfig,
    epochs: int = EPOCHS,
    *,
    per_tensor_dense: bool = False,
    callbacks: Sequence[Any] = (),
) -> bytes:
    """Train a member on with int8 in the loop; the test set is not looked at.

    Args:
        model: What `train_member` made of the architecture; it stays as it is.
        architecture: The member.
        data: Gives the training images.
        config: How it was trained; a tenth of its learning rate is used.
        epochs: Passes over the training set, from 1.
        per_tensor_dense: See `convert_int8`; the target says whether it needs it.
        callbacks: Keras callbacks that look at epochs, steps and logs.

    Returns:
        The .tflite flatbuffer, with int8 input and output.

    Raises:
        ModelError: If the model is not of the architecture, or not all becomes int8.
    """
    images = calibration_images(data, seed=config.seed)
    network = twin(model, architecture)
    measured = ranges(network, images)
    aware = fake_quantized(network, measured, per_tensor_dense=per_tensor_dense)
    _fit(aware, data, config, epochs, callbacks)
    # The graph tells the ranges: the converter asks for images, and ignores them.
    flatbuffer = convert_int8(aware, images[:1], per_tensor_dense=per_tensor_dense)
    check_int8(flatbuffer)
    return flatbuffer


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


def _fit(
    model: Any,
    data: Dataset,
    config: TrainConfig,
    epochs: int,
    callbacks: Sequence[Any],
) -> None:
    """What `networks.fit` does, by the optimizer and the callbacks of `tf_keras`."""
    size = min(config.batch_size, len(data.x_train))
    steps = len(data.x_train) // size
    rate = tf_keras.optimizers.schedules.CosineDecay(
        _LR_SHARE * config.lr, steps * epochs
    )
    model.compile(
        tf_keras.optimizers.SGD(
            rate, momentum=_MOMENTUM, nesterov=True, weight_decay=config.weight_decay
        ),
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    seen = batches(
        *(data.x_train, data.y_train, size),
        seed=config.seed,
        flip=data.flip,
        epochs=range(config.epochs, config.epochs + epochs),
    )
    model.fit(
        seen,
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
        callbacks=[_legacy_callback(callbacks, steps, epochs)],
    )


def _legacy_callback(callbacks: Sequence[Any], steps: int, epochs: int) -> Any:
    """One callback of `tf_keras` that calls those of Keras 3."""
    called = keras.callbacks.CallbackList([*callbacks], steps=steps, epochs=epochs)
    events = "train_begin train_end epoch_begin epoch_end train_batch_begin"
    hooks = [f"on_{event}" for event in [*events.split(), "train_batch_end"]]
    return tf_keras.callbacks.LambdaCallback(
        **{hook: getattr(called, hook) for hook in hooks}
    )
