import keras
import numpy as np
import pytest

from tfnas.errors import SettingsError
from tfnas.spaces.ops import OPS, find_op, run
from tfnas.spaces.site import Site, Slot

BUILT = [op for op in OPS.values() if op.chain is not None]
CHANGING = [op for op in BUILT if not op.keeps_channels]


def name(op):
    return op.name


@pytest.mark.parametrize("op", BUILT, ids=name)
@pytest.mark.parametrize(("stride", "size"), [(1, 7), (2, 4)])
def test_every_op_halves_odd_sizes_rounding_up(op, stride, size):
    chain = op.chain(keras.layers, Slot(0, "x", 7, 7, 4, 4, stride), "x")

    assert run(chain, np.ones((1, 7, 7, 4), "float32")).shape == (1, size, size, 4)


@pytest.mark.parametrize("op", CHANGING, ids=name)
def test_every_op_but_a_pool_puts_out_the_channels_of_its_slot(op):
    chain = op.chain(keras.layers, Slot(0, "x", 6, 5, 4, 7), "x")

    assert run(chain, np.ones((1, 6, 5, 4), "float32")).shape == (1, 6, 5, 7)


def test_a_pool_fits_only_where_channels_stay():
    pool = find_op("max_pool_3x3")

    assert pool.fits(Slot(0, "x", 6, 6, 4, 4, 2))
    assert not pool.fits(Slot(0, "x", 6, 6, 4, 8, 2))


@pytest.mark.parametrize("op", ["conv_3x3", "sep_conv_3x3", "dil_conv_3x3"])
def test_what_a_convolution_puts_out_is_from_0_to_6(op):
    x = 1e4 * np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")

    y = run(find_op(op).chain(keras.layers, Slot(0, "x", 8, 8, 4, 4), "x"), x)

    assert y.numpy().min() == 0.0
    assert 1.0 < y.numpy().max() <= 6.0


@pytest.mark.parametrize(
    ("op", "params"),
    [
        # 4 -> 12 -> 6 channels: 1x1, depthwise 5x5, 1x1, and three batch norms
        ("ir_k5_e3", 4 * 12 + 25 * 12 + 12 * 6 + 2 * (12 + 12 + 6)),
        ("ir_k3_e1", 9 * 4 + 4 * 6 + 2 * (4 + 6)),  # without the first 1x1
        ("fused_k3_e6", 9 * 4 * 24 + 24 * 6 + 2 * (24 + 6)),
        ("conv_3x3", 9 * 4 * 6 + 2 * 6),
    ],
)
def test_a_block_has_the_weights_of_its_definition(op, params):
    x, total = keras.Input((8, 8, 4)), 0
    for layer in find_op(op).chain(keras.layers, Slot(0, "x", 8, 8, 4, 6), "x"):
        x = layer(x)
        total += sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)

    assert total == params


def test_the_projection_of_a_block_is_linear():
    chain = find_op("ir_k3_e3").chain(keras.layers, Slot(0, "x", 8, 8, 4, 6), "x")

    kinds = [type(layer).__name__ for layer in chain]
    assert kinds.count("ReLU") == 2
    assert kinds[-2:] == ["Conv2D", "BatchNormalization"]


@pytest.mark.parametrize(
    ("op", "free_at", "costs_at"),
    [
        ("skip_connect", (4, 4, 1), (4, 4, 2)),
        ("skip_connect", (4, 4, 1), (4, 6, 1)),
        ("none", (4, 4, 2), None),
        ("skip", (4, 4, 1), None),
        ("conv_1x1", None, (4, 4, 1)),
    ],
)
def test_an_op_is_free_where_it_leaves_nothing_behind(op, free_at, costs_at):
    def is_free(channels):
        inside, outside, stride = channels
        return find_op(op).is_free(Site(op, 8, 8, inside, outside, stride))

    assert free_at is None or is_free(free_at)
    assert costs_at is None or not is_free(costs_at)


def test_an_unknown_op_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match=r"'ir_k3_e9'\. Did you mean 'ir_k3_e"):
        find_op("ir_k3_e9")
