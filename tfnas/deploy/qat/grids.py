"""Which value range each tensor of an int8 network gets, and which of them share one.

tfmot's ready-made scheme leaves sums of three inputs, and pools behind them, in float.
Here each tensor has a range, and those that int8 kernels put on one grid have the same.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfnas.deploy.qat.legacy_keras import tf_keras

_layers = tf_keras.layers
_FUSED_INTO_THEIR_INPUT = (_layers.BatchNormalization, _layers.ReLU)
_KEEP_THE_GRID = (
    _layers.MaxPooling2D,
    _layers.AveragePooling2D,
    _layers.Concatenate,
    _layers.Flatten,
)
_MEASURED_AT_ONCE = 50
# What ReLU cuts off almost everywhere needs a scale too, and not a tiny one: XNNPACK
# refuses a convolution whose output has steps much finer than those of its products.
_NARROWEST = 0.01
Range = tuple[float, float]
Grids = dict[str, set[str]]


def ranges(network: Any, images: NDArray[np.float32]) -> dict[str, Range]:
    """Measure the range of each tensor that the int8 network will hold.

    Args:
        network: A float `tf_keras.Model` whose sums have two inputs each.
        images: Pixels in 0..1, shape `(num, height, width, channels)`.

    Returns:
        Lowest and highest value, 0 among them, by the layer that puts the tensor out.
    """
    fused = {
        source
        for layer in network.layers
        if isinstance(layer, _FUSED_INTO_THEIR_INPUT)
        for source in _sources(layer)
    }
    names = [layer.name for layer in network.layers[1:] if layer.name not in fused]
    outputs = [network.get_layer(name).output for name in names]
    measured = _extremes(tf_keras.Model(network.input, outputs), images)
    own = dict(zip(names, measured, strict=True))
    grids, found = grids_of(network), {}
    for name in names:
        lows, highs = zip(*(own[member] for member in grids[name]), strict=True)
        found[name] = min(lows), max(*highs, min(lows) + _NARROWEST)
    return found


def _sources(layer: Any) -> list[str]:
    """Names of the layers whose outputs a layer reads."""
    return [one.name for one in tf.nest.flatten(layer.inbound_nodes[0].inbound_layers)]


def _extremes(probe: Any, images: NDArray[np.float32]) -> list[Range]:
    """Lowest and highest value of each output of `probe`, 0 among them."""

    @tf.function  # type: ignore[untyped-decorator]
    def measure(batch: Any) -> Any:
        outputs = probe(batch, training=False)
        return [(tf.reduce_min(y), tf.reduce_max(y)) for y in outputs]

    starts = range(0, len(images), _MEASURED_AT_ONCE)
    found = np.array([measure(images[i : i + _MEASURED_AT_ONCE]) for i in starts])
    lows, highs = found[..., 0].min(0), found[..., 1].max(0)
    return [
        (min(float(low), 0.0), max(float(high), 0.0))
        for low, high in zip(lows, highs, strict=True)
    ]


def grids_of(network: Any) -> Grids:
    """For each layer, those whose outputs lie on the same int8 grid as its own.

    Pools and concatenations keep the grid of what they read. Equal ops on equal inputs,
    such as sums that begin alike, become one op when they are converted.
    """
    first: dict[Any, str] = {}
    same: dict[str, str] = {}
    grids: Grids = {}
    for layer in network.layers:
        inputs = tuple(same[source] for source in _sources(layer))
        alone = layer.weights or not inputs
        op = layer.name if alone else (type(layer), layer.output_shape, inputs)
        same[layer.name] = first.setdefault(op, layer.name)
        joined = {layer.name, same[layer.name]}
        if isinstance(layer, _KEEP_THE_GRID):
            joined |= {*inputs}
        grid = joined.union(*(grids.get(name, ()) for name in joined))
        grids |= dict.fromkeys(grid, grid)
    return grids
