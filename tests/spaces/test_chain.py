from dataclasses import replace

import keras
import numpy as np
import pytest

from tfnas.errors import SettingsError
from tfnas.networks.build import build
from tfnas.networks.counts import count_params
from tfnas.spaces.architecture import Architecture, skeleton
from tfnas.spaces.chain import ChainSpace, widened
from tfnas.spaces.site import SUM, Site

SMALL = ChainSpace((14, 11, 1), 4, stem=8, stages=((8, 2, 1), (12, 1, 2)), head=16)


def test_blocks_follow_their_stages_and_round_sizes_up():
    # the stem halves 14 x 11 to 7 x 6, the last block again to 4 x 3
    places = [
        (s.height, s.width, s.in_channels, s.out_channels, s.stride)
        for s in SMALL.slots
    ]

    assert places == [(7, 6, 8, 8, 1), (7, 6, 8, 8, 1), (7, 6, 8, 12, 2)]
    assert SMALL.slots[-1].output_shape == (4, 3, 12)
    assert SMALL.choices == ("block 0", "block 1", "block 2")


@pytest.mark.parametrize(
    ("image", "sides"),
    [
        ((28, 28, 1), [(14, 14), (7, 7), (4, 4)]),
        ((20, 20, 1), [(10, 10), (5, 5), (3, 3)]),
        # halved, the last would be 2 x 2, 7 x 2 and 3 x 2
        ((14, 14, 1), [(7, 7), (4, 4), (4, 4)]),
        ((49, 10, 1), [(25, 5), (13, 3), (13, 3)]),
        ((21, 14, 1), [(11, 7), (6, 4), (6, 4)]),
    ],
)
def test_a_small_image_takes_strides_back_and_says_so(image, sides):
    chain = ChainSpace(image)

    ends = [chain.slots[block].output_shape[:2] for block in (1, 3, 5)]

    assert ends == sides
    height, width, _ = image
    told = f"Images of {height}x{width} are small for this chain: no halving at block 4"
    assert chain.remarks() == ((told,) if sides[1] == sides[2] else ())


def test_a_width_multiplies_channels_to_multiples_of_8_but_not_those_of_the_head():
    half = replace(SMALL, stem=32, first=24, width=0.5)

    assert [half.slots[0].in_channels, half.slots[0].out_channels] == [16, 8]
    assert half.slots[-1].out_channels == 8
    assert build(skeleton(half)).get_layer("head_conv").filters == SMALL.head
    # 24 * .35 = 8.4; 32 * .35 = 11.2: 8 would be more than a tenth too few
    assert [widened(24, 0.35), widened(32, 0.35)] == [8, 16]


def test_only_a_block_that_keeps_its_shape_may_be_empty():
    empty = SMALL.allowed[:, SMALL.ops.index("skip")]

    assert empty.tolist() == [True, True, False]
    assert SMALL.allowed[:, 1:].all()


def test_a_filled_residual_block_costs_a_sum_and_an_empty_one_nothing():
    place, total = (7, 6, 8, 8), Site(SUM, 7, 6, 8, 8)

    assert SMALL.sites(0, "conv_3x3") == (Site("conv_3x3", *place), total)
    assert SMALL.sites(0, "skip") == (Site("skip", *place),)
    assert SMALL.sites(2, "conv_3x3") == (Site("conv_3x3", 7, 6, 8, 12, 2),)


def test_the_skeleton_is_empty_wherever_it_may_be():
    assert skeleton(SMALL).ops == ("skip", "skip", "ir_k3_e3")


def test_a_member_is_stem_blocks_and_head_with_the_weights_of_its_definition():
    member = Architecture.of_ops(SMALL, ("skip", "conv_3x3", "conv_3x3"))

    model = build(member)

    stem, block, wider = 9 * 8 + 16, 9 * 8 * 8 + 16, 9 * 8 * 12 + 24
    head, logits = 12 * 16 + 32, 16 * 4 + 4
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trained == stem + block + wider + head + logits
    assert count_params(member) == trained
    assert model.output_shape == (None, 4)


@pytest.mark.parametrize(
    ("grid", "parts", "of_pixels"),
    [
        # the last map is 4 x 3, of the numbers 0 to 11
        (1, 1, [[(0 + 11) / 2]]),
        (2, 4, [[(0 + 1 + 3 + 4) / 4, (2 + 5) / 2], [(6 + 7 + 9 + 10) / 4, 9.5]]),
        (4, 12, np.arange(12).reshape(4, 3)),
    ],
)
def test_logits_are_made_of_a_grid_of_means(grid, parts, of_pixels):
    space = replace(SMALL, head=0, grid=grid)
    model = build(Architecture.of_ops(space, ("skip", "conv_3x3", "conv_3x3")))
    logits = model.get_layer("logits")

    assert logits.kernel.shape == (parts * 12, 4)
    means = keras.Model(model.get_layer("block2_conv_3x3_relu").output, logits.input)
    pixels = np.repeat(np.arange(12.0).reshape(1, 4, 3, 1), 12, axis=3)
    expected = np.repeat(np.ravel(of_pixels)[None, :, None], 12, axis=2)
    np.testing.assert_allclose(means(pixels), expected.reshape(1, -1))


def test_a_chain_without_stem_and_head_begins_with_an_op_of_stride_4():
    ops = ("skip", "conv_3x3", "patches_8_8", "patches_8")
    bare = replace(SMALL, stem=0, head=0, stages=((8, 2, 4), (12, 1, 2)), ops=ops)

    model = build(Architecture.of_ops(bare, ("patches_8", "skip", "conv_3x3")))

    patches, halved = 4 * 8 + 16, 9 * 8 * 8 + 16
    wider, logits = 9 * 8 * 12 + 24, 12 * 4 + 4
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trained == patches + halved + wider + logits
    assert [slot.stride for slot in bare.slots] == [4, 1, 1]  # 14 x 11, then 4 x 3
    assert bare.allowed.tolist() == [
        [False, False, True, True],
        [True, True, False, False],
        [False, True, False, False],
    ]


def test_blocks_add_to_their_input_but_for_empty_and_plain_ones():
    calls = []
    ops = ("skip", "ir_k3_e3", "conv_3x3", "plain_3x3")
    small = replace(SMALL, ops=ops)

    class Layers:
        """Keras's layers; sums are noted."""

        def __getattr__(self, name):
            if name == "Add":
                calls.append(name)
            return getattr(keras.layers, name)

    members = [
        Architecture.of_ops(small, ops)
        for ops in (
            ("skip", "skip", "conv_3x3"),
            ("ir_k3_e3", "conv_3x3", "conv_3x3"),
            ("plain_3x3", "conv_3x3", "plain_3x3"),
        )
    ]
    for member in members:
        build(member, layers=Layers())
        calls.append("built")

    assert calls == ["built", "Add", "Add", "built", "Add", "built"]
    paid = [[site.op for site in small.entries(member.ops)] for member in members]
    assert paid == [
        ["skip", "skip", "conv_3x3"],
        ["ir_k3_e3", "add", "conv_3x3", "add", "conv_3x3"],
        ["plain_3x3", "conv_3x3", "add", "plain_3x3"],
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stages": []}, "Each stage of a chain is channels, blocks"),
        ({"stages": [[16, 2]]}, "Each stage of a chain is channels, blocks"),
        ({"stages": [[16, 2, 3]]}, "the stride 1, 2 or 4"),
        ({"stages": [[16, 2.0, 1]]}, "Each stage of a chain is channels, blocks"),
        ({"stages": [[16, 0, 1]]}, "Numbers of a stage begin at 1"),
        ({"stages": 5}, "stages of a space must be a list"),
        ({"stages": [5]}, "A value of a chain space is of the wrong type"),
        ({"barred": [5]}, "A value of a chain space is of the wrong type"),
        ({"groups": [5]}, "A value of a chain space is of the wrong type"),
        ({"ops": [["skip"], 5]}, "A value of a chain space is of the wrong type"),
        ({"barred": [[9, "skip"]]}, "barred names block 9, but there are 6"),
        ({"barred": [[0, "conv_1x1"]]}, "barred names 'conv_1x1', which is none of"),
        ({"ops": ["skip", "none"]}, "No op may stand at block 2"),
        ({"first": -1}, "first is a whole number from 0, got -1"),
        ({"width": 0}, "width is above 0 and at most 8, got 0"),
        ({"width": "x"}, "width is above 0 and at most 8, got 'x'"),
        ({"stem": -1}, "stem is a whole number from 0, got -1"),
        ({"stem": 0, "first": 8}, "first stands after a stem"),
        ({"head": "x"}, "head is a whole number from 0, got 'x'"),
        ({"grid": 0}, "grid is a whole number from 1, got 0"),
        ({"grid": 2.0}, "grid is a whole number from 1, got 2.0"),
    ],
)
def test_a_chain_that_cannot_be_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        ChainSpace.from_dict(values)
