"""Networks whose int8 twin can be compared with them."""

import keras
import numpy as np

from tfnas.networks.build import build
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace

DEEP = CellSpace((9, 9, 2), num_classes=3, nodes=2, channels=4)
# Sums of three, concatenations, pools of inputs and of sums, separable convolutions.
MIXED = Architecture(DEEP, (0, 1, 2, 2, 0, 1, 0, 0, 2, 0))
# Both sums begin with the same two pools, which are one op once converted.
ALIKE = Architecture(DEEP, (0, 0, 0, 0, 0, 0, 0, 0, 0, 2))


def noise(architecture, num=32):
    shape = (num, *architecture.space.input_shape)
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def network_of(architecture):
    """A network whose batch norms have seen something, as those of trained ones."""
    keras.utils.set_random_seed(0)
    model, rng = build(architecture), np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            low, high = np.array([[0.5, -0.3, -0.1, 0.3], [1.5, 0.3, 0.1, 1.0]])
            shape = (layer.gamma.shape[0], 4)
            layer.set_weights([*rng.uniform(low, high, shape).T])
    return model
