import keras
import numpy as np
import pytest

from tfnas.networks.counts import op_params
from tfnas.spaces.ops import OP_NAMES, OPS, op_chain, run
from tfnas.spaces.site import Site

BUILT = [op for op in OP_NAMES if op != "none"]


def test_the_space_and_the_ops_know_the_same_names():
    assert tuple(OPS) == OP_NAMES


@pytest.mark.parametrize("op", BUILT)
@pytest.mark.parametrize(("stride", "size"), [(1, 7), (2, 4)])
def test_every_op_keeps_the_channels_and_halves_odd_sizes_rounding_up(op, stride, size):
    chain = op_chain(op, keras.layers, 4, stride, "x")

    assert run(chain, np.ones((1, 7, 7, 4), "float32")).shape == (1, size, size, 4)


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


@pytest.mark.parametrize("op", ["conv_3x3", "sep_conv_3x3", "dil_conv_3x3"])
def test_what_a_convolution_puts_out_is_from_0_to_6(op):
    x = 1e4 * np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")

    y = run(op_chain(op, keras.layers, 4, 1, "x"), x)

    assert y.numpy().min() == 0.0
    assert 1.0 < y.numpy().max() <= 6.0


def test_none_has_no_layers():
    with pytest.raises(ValueError, match="`none` has no layers"):
        op_chain("none", keras.layers, 4, 1, "x")
