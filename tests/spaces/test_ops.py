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
def test_every_op_divides_odd_sizes_by_its_stride_rounding_up(op):
    for stride in op.strides:
        chain = op.chain(keras.layers, Slot(0, "x", 9, 7, 4, 4, stride), "x")
        height, width = {1: (9, 7), 2: (5, 4), 4: (3, 2)}[stride]

        y = run(chain, np.ones((1, 9, 7, 4), "float32"))
        assert y.shape == (1, height, width, 4)


@pytest.mark.parametrize("op", CHANGING, ids=name)
def test_every_op_but_a_pool_puts_out_the_channels_of_its_slot(op):
    slot = Slot(0, "x", 8, 4, 4, 7, op.strides[0])

    y = run(op.chain(keras.layers, slot, "x"), np.ones((1, 8, 4, 4), "float32"))
    assert y.shape == (1, *slot.output_shape)
    assert y.shape[-1] == 7


def test_a_stem_stands_where_sides_are_quartered_and_no_other_op_does():
    quartering = {op.name for op in BUILT if op.fits(Slot(0, "x", 8, 8, 1, 16, 4))}

    patches = {"patches_8", "patches_8_8"}
    stems = {"stem_8_16", "stem_16_16_16", "stem_32_32_32"}
    assert quartering == patches | stems
    assert not any(
        find_op(stem).fits(Slot(0, "x", 8, 8, 1, 16, 2)) for stem in quartering
    )


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
        ("plain_3x3", 9 * 4 * 6 + 2 * 6),
        ("patches_8", 4 * 4 * 8 + 9 * 8 * 6 + 2 * (8 + 6)),
        (
            "stem_16_16_16",
            9 * 4 * 16 + 2 * 9 * 16 * 16 + 9 * 16 * 6 + 2 * (3 * 16 + 6),
        ),
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


def test_with_branches_inputs_are_added_before_each_activation():
    doubled, norm, relu = (lambda x: 2 * x), (lambda x: x + 1), (lambda x: min(x, 6))

    chain = [doubled, norm, relu, doubled, norm, relu]

    # 2 * 0.5 + 1 + 0.5 = 2.5, then 2 * 2.5 + 1 + 2.5 = 8.5
    assert run(chain, 0.5, branches=True) == 6
    assert run(chain[:3], 0.5, branches=True) == 2.5
    assert run(chain[:3], 0.5) == 2


@pytest.mark.parametrize(
    ("op", "channels", "stride", "has"),
    [
        ("plain_3x3", 4, 1, True),
        ("plain_sep_3x3", 4, 1, True),
        ("plain_3x3", 6, 1, False),
        ("plain_3x3", 4, 2, False),
        ("conv_3x3", 4, 1, False),
    ],
)
def test_plain_ops_have_branches_where_the_shape_stays(op, channels, stride, has):
    assert find_op(op).has_branches(Slot(0, "x", 8, 8, 4, channels, stride)) == has


def test_an_unknown_op_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match=r"'ir_k3_e9'\. Did you mean 'ir_k3_e"):
        find_op("ir_k3_e9")
