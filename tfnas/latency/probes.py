"""The int8 models that are timed: an op, an op repeated, a whole network."""

from typing import Any

import keras
import numpy as np

from tfnas.errors import ModelError
from tfnas.networks.build import build
from tfnas.networks.convert import convert_int8
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.ops import find_op, run
from tfnas.spaces.site import SUM, Site
from tfnas.spaces.space import DEPLOYABLE
from tfnas.tflite.graph import check_int8
from tfnas.tflite.traits import PLAIN, Traits

# A compiler that packs weights gives the same cycles for the same weights only.
_WEIGHTS_SEED = 0
# What each layer of a chain becomes; a layer that is not named is fused into another.
_CONVERTED = {
    "Add": "ADD",
    "Conv2D": "CONV_2D",
    "DepthwiseConv2D": "DEPTHWISE_CONV_2D",
    "MaxPooling2D": "MAX_POOL_2D",
    "AveragePooling2D": "AVERAGE_POOL_2D",
}


def site_model(site: Site, times: int = 1) -> bytes:
    """The int8 model of one op as it will be deployed: batch norm and ReLU6 fused.

    Args:
        site: The op and its shapes.
        times: How many copies of it are in the model. Where it keeps its input's
            shape, each runs on the output of the one before. Elsewhere they run side
            by side and are summed; each has its own input, made by a `step` from the
            one before, because the converter keeps one of equal pools on one input.

    Raises:
        ModelError: If it converts to other ops than its layers announce.
    """
    keras.utils.set_random_seed(_WEIGHTS_SEED)
    image = keras.Input((site.height, site.width, site.in_channels))
    model = keras.Model(image, _repeated(site, times, image))
    flatbuffer = convert_int8(model, _noise(image.shape[1:]))
    kinds = [type(layer).__name__ for layer in model.layers]
    announced = sorted(_CONVERTED[kind] for kind in kinds if kind in _CONVERTED)
    own = () if site.op == SUM else find_op(site.op).tflite
    found = check_int8(flatbuffer, DEPLOYABLE.union(own))
    if sorted(op for op in found if op not in own) != announced:
        raise ModelError(f"{site} converts to {found}, expected {announced}")
    return flatbuffer


def step(site: Site) -> Site:
    """The op that makes the next input where ops are repeated side by side."""
    channels = site.in_channels
    return Site("conv_1x1", site.height, site.width, channels, channels)


def _repeated(site: Site, times: int, x: Any) -> Any:
    if site.keeps_shape:
        for number in range(times):
            x = _run(site, f"site{number}", x)
        return x
    total = _run(site, "site0", x)
    for number in range(1, times):
        x = _run(step(site), f"step{number}", x)
        total = keras.layers.Add()([total, _run(site, f"site{number}", x)])
    return total


def _run(site: Site, name: str, x: Any) -> Any:
    if site.op == SUM:
        return keras.layers.Add(name=name)([x, x])
    op = find_op(site.op)
    chain = op.chain(keras.layers, site.slot, f"{name}_{op.name}") if op.chain else []
    return run(chain, x)


def network_model(architecture: Architecture, *, traits: Traits = PLAIN) -> bytes:
    """The int8 model of a whole network with fresh weights.

    Its batch norms have seen noise, or values would shrink from layer to layer until an
    int8 sum adds two of very different scales. XNNPACK leaves such sums, which trained
    networks do not have, to slow kernels (it takes ratios from 1/1024 on).
    """
    keras.utils.set_random_seed(_WEIGHTS_SEED)
    images = _noise(architecture.space.input_shape)
    model = build(architecture)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)
    flatbuffer = convert_int8(model, images, traits=traits)
    check_int8(flatbuffer, architecture.space.tflite_ops)
    return flatbuffer


def _noise(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).random((2, *shape), dtype=np.float32)
