import numpy as np
import pytest
from searches import at_uniform, make, unsettle
from stand_ins import TINY

from tfnas.errors import LimitError
from tfnas.search.derive import POINTS, derive, shares, sweep
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace

PAIR = CellSpace((8, 8, 1), 3, nodes=1, channels=4, ops=("skip_connect", "conv_1x1"))
TURNS = np.array([0.2, 0.4, 0.6, 0.8])


def test_shares_count_the_choices_of_the_member_at_the_uniform_point():
    logits = np.zeros((4, 3))
    logits[[0, 1, 2, 3], [2, 2, 0, 2]] = 1.0

    assert list(shares(TINY, logits).values()) == pytest.approx([1 / 4, 0, 3 / 4])


def turning(points):
    """Choice e takes op 1 where the price of op 0 exceeds the e-th turning point."""
    second = points[:, :1] - TURNS
    return np.stack([np.zeros_like(second), second], axis=-1)


def test_a_sweep_finds_every_member_once_with_a_point_that_gives_it():
    members = sweep(PAIR, turning, 40)

    assert {member.indices for member in members} == {
        *((0, 0, 0, 0), (1, 0, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (1, 1, 1, 1))
    }
    for member, budget in members.items():
        assert derive(PAIR, turning(np.array([budget]))[0]) == member


def test_a_sweep_is_refined_where_members_change():
    # between 0.4 and 0.4 + 1/256 alone the member has two convolutions
    def narrow(points):
        turns = np.array([0.2, 0.4, 0.4 + 1 / 256, 0.8])
        second = points[:, :1] - turns
        return np.stack([np.zeros_like(second), second], axis=-1)

    looked = []

    def counted(points):
        looked.extend(points)
        return narrow(points)

    members = sweep(PAIR, counted, 60)

    assert Architecture(PAIR, (1, 1, 0, 0)) in members
    assert len(looked) <= 60


def test_members_that_pass_nothing_on_are_left_out():
    space = CellSpace((8, 8, 1), 3, nodes=1, channels=4, ops=("none", "conv_1x1"))

    members = sweep(space, turning, 10)

    assert all("conv_1x1" in member.ops for member in members)


def test_a_limit_gives_the_slowest_member_that_surely_keeps_it():
    search = make(hypernetwork="mlp")
    unsettle(search.hypernetwork)
    swept = sweep(TINY, search.alphas, POINTS)
    highs = sorted({search.table.predict(member).high_ms for member in swept})
    limit = (highs[1] + highs[2]) / 2

    found = search.table.predict(search.derive(max_latency_ms=limit))

    assert found.high_ms == highs[1]


def test_a_limit_that_no_member_keeps_says_what_the_fastest_needs():
    with pytest.raises(LimitError, match=r"keeps 0\.001 ms: the fastest needs \d"):
        make().derive(max_latency_ms=0.001)


def test_before_the_hypernetwork_moves_all_ops_share_the_choices():
    taken = shares(TINY, at_uniform(make()))

    assert list(taken) == list(TINY.ops)
    assert list(taken.values()) == pytest.approx([1 / 3] * 3)
