import keras
import numpy as np
import pytest
from stand_ins import TINY

from tfnas.networks.build import build
from tfnas.networks.counts import count_macs, count_params, op_params, params_matrix
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.site import Site


def test_macs_are_those_counted_by_hand():
    image = keras.Input((6, 5, 3))
    x = keras.layers.Conv2D(4, 3, 2, "same", use_bias=False)(image)
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    model = keras.Model(image, keras.layers.Dense(7)(x))

    assert count_macs(model) == 9 * (9 * 3 * 4) + 9 * (9 * 4) + 4 * 7


@pytest.mark.parametrize(
    ("op", "stride", "params"),
    [
        # kernels as the paper counts them, and 2 x 16 of each batch norm
        ("sep_conv_3x3", 1, 2 * (9 * 16 + 16 * 16) + 2 * 32),
        ("sep_conv_5x5", 1, 2 * (25 * 16 + 16 * 16) + 2 * 32),
        ("dil_conv_3x3", 1, 9 * 16 + 2 * 16 * 16 + 2 * 32),
        ("dil_conv_3x3", 2, 9 * 16 + 2 * 16 * 16 + 2 * 32),
        ("conv_1x1", 1, 16 * 16 + 32),
        ("conv_3x3", 1, 9 * 16 * 16 + 32),
        ("skip_connect", 1, 0),
        ("skip_connect", 2, 16 * 16 + 32),
        ("max_pool_3x3", 2, 0),
        ("none", 1, 0),
    ],
)
def test_parameters_are_those_counted_by_hand(op, stride, params):
    assert op_params(Site(op, 8, 8, 16, 16, stride)) == params


def test_parameters_of_a_choice_are_summed_over_its_sites():
    # choice 2 is an edge of both reduction cells, with 8 and 16 channels, stride 2:
    # an identity is a 1x1 convolution there
    convolution = [2 * (9 * c + c * c) + 4 * c for c in (8, 16)]
    identity = [c * c + 2 * c for c in (8, 16)]

    assert params_matrix(TINY)[2].tolist() == [0, sum(identity), sum(convolution)]


@pytest.mark.parametrize("indices", [(0, 1, 2, 2), (2, 2, 2, 2), (3, 0, 1, 3)])
def test_parameters_are_those_of_the_network_that_is_built(indices):
    ops = ("max_pool_3x3", "skip_connect", "sep_conv_3x3", "none")
    space = CellSpace((8, 8, 1), 3, nodes=2, channels=4, ops=ops)
    member = Architecture(space, indices + indices + (0, 1))

    weights = build(member).trainable_weights
    assert count_params(member) == sum(int(np.prod(w.shape)) for w in weights)
