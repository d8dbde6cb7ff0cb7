import keras
import numpy as np
import pytest
from stand_ins import images

from tfnas.networks.build import build, build_supernet
from tfnas.networks.fast_layers import fast_layers
from tfnas.networks.weights import inherit, named_weights, recalibrate
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.chain import ChainSpace

SPACE = CellSpace((9, 9, 2), num_classes=3, nodes=2, channels=4)
WITH_NONE = CellSpace(
    (8, 8, 1), 3, nodes=2, channels=4, ops=("none", "skip_connect", "sep_conv_3x3")
)
CHAIN = ChainSpace(
    (16, 16, 1),
    3,
    stem=8,
    stages=((8, 3, 1), (12, 3, 2)),
    head=16,
    ops=("skip", "plain_3x3", "conv_3x3", "ir_k3_e3", "plain_sep_3x3"),
)


@pytest.mark.parametrize(
    "member",
    [
        Architecture(SPACE, (0, 1, 2, 2, 1, 1, 2, 0, 2, 2)),
        Architecture(CHAIN, (2, 0, 3, 1, 2, 0)),  # sums, none after plain blocks
        Architecture(CHAIN, (1, 4, 0, 1, 4, 1)),  # branches where shapes stay
    ],
    ids=["cells", "chain", "branches"],
)
@pytest.mark.parametrize("mode", ["soft", "sampled"])
def test_a_member_with_the_supernets_weights_computes_what_the_supernet_does(
    member, mode
):
    keras.utils.set_random_seed(0)
    space = member.space
    supernet = build_supernet(space, mode)
    model = build(member, layers=fast_layers, branches=True)
    inherit(model, named_weights(supernet), member)

    gamma = np.eye(len(space.ops), dtype="float32")[list(member.indices)]
    expected = supernet([images(space), gamma])  # its batch norm takes the batch
    got = model(images(space), training=True)

    # float32 sums in another order
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


def test_a_member_with_a_dead_node_inherits_the_channels_that_live():
    keras.utils.set_random_seed(0)
    supernet = build_supernet(WITH_NONE, "sampled")
    # nodes 2 of both kinds of cell get nothing, nodes 3 get input 0 alone
    member = Architecture(WITH_NONE, (0, 0, 2, 0, 1, 0, 0, 1, 0, 2))
    model = build(member)
    inherit(model, named_weights(supernet), member)

    gamma = np.eye(3, dtype="float32")[list(member.indices)]
    expected = supernet([images(WITH_NONE), gamma])
    got = model(images(WITH_NONE), training=True)

    assert "cell0_edge2to3_skip_connect" not in [layer.name for layer in model.layers]
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)


def test_new_statistics_are_means_over_batches_and_nothing_stays_of_the_old_ones():
    norm = fast_layers.BatchNormalization(momentum=0.7)
    model = keras.Sequential([keras.Input((1, 1, 1)), norm])
    norm.moving_mean.assign([100.0])
    norm.moving_variance.assign([50.0])

    # means 2 and 4; squares around them add up to 2 and 64
    pixels = ([1, 3], [0, 0, 8, 8])
    recalibrate(model, [(np.float32(p)[:, None, None, None], None) for p in pixels])

    np.testing.assert_allclose(norm.moving_mean, [(2 + 4) / 2], rtol=1e-6)
    expected = (2 / (2 - 1) + 64 / (4 - 1)) / 2
    np.testing.assert_allclose(norm.moving_variance, [expected], rtol=1e-6)
    assert norm.momentum == 0.7
