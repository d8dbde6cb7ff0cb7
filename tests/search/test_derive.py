import numpy as np
import pytest
from searches import at_uniform, make, unsettle
from stand_ins import TINY

from tfnas.errors import LimitError
from tfnas.search.derive import POINTS, derive, shares, sweep
from tfnas.search.settings import SearchConfig
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace

PAIR = CellSpace((8, 8, 1), 3, nodes=1, channels=4, ops=("skip_connect", "conv_1x1"))
CONFIG = SearchConfig()  # strengths 0.01 to 100


def test_shares_count_the_choices_of_the_member_at_the_uniform_point():
    logits = np.zeros((4, 3))
    logits[[0, 1, 2, 3], [2, 2, 0, 2]] = 1.0

    assert list(shares(TINY, logits).values()) == pytest.approx([1 / 4, 0, 3 / 4])


def turning_at(turns):
    """Choice e takes op 1 where strength times price of op 0 exceeds the e-th turn."""

    def logits(points, levels):
        second = (CONFIG.strength(levels) * points[:, 0])[:, None] - turns
        return np.stack([np.zeros_like(second), second], axis=-1)

    return logits


def at(point):
    """A point as `logits` takes it."""
    return np.array([point.budget]), np.array([CONFIG.level(point.strength)])


def test_a_sweep_finds_every_member_once_with_a_point_that_gives_it():
    turning = turning_at([0.02, 0.4, 0.8, 5.0])
    members = sweep(PAIR, turning, CONFIG, 60)

    assert {member.indices for member in members} == {
        *((0, 0, 0, 0), (1, 0, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (1, 1, 1, 1))
    }
    for member, point in members.items():
        assert derive(PAIR, turning(*at(point))[0]) == member
        assert 0.01 <= point.strength <= 100
    strengths = {member.indices: point.strength for member, point in members.items()}
    assert strengths[1, 1, 1, 1] > 5  # no price exceeds 1


def test_where_one_strength_was_searched_a_sweep_is_of_the_simplex_alone():
    config, looked = SearchConfig(least_strength=1.0, most_strength=1.0), []

    def logits(points, levels):
        looked.extend(levels)
        return turning_at([0.2, 0.4, 0.6, 0.8])(points, levels)

    members = sweep(PAIR, logits, config, 40)

    assert {*looked} == {0} and 1 < len(looked) <= 40
    assert {point.strength for point in members.values()} == {1}
    assert len(members) == 5


def test_a_sweep_is_refined_where_members_change():
    # between 0.4 and 0.4 + 1/256 alone the member has two convolutions
    narrow, looked = turning_at([0.2, 0.4, 0.4 + 1 / 256, 8.0]), []

    def counted(points, levels):
        looked.extend(points)
        return narrow(points, levels)

    members = sweep(PAIR, counted, CONFIG, 200)

    assert Architecture(PAIR, (1, 1, 0, 0)) in members
    assert len(looked) <= 200


@pytest.mark.parametrize("points", [1, 5, 20])
def test_a_sweep_looks_at_no_more_points_than_it_may(points):
    looked = []

    def logits(points, levels):
        looked.extend(points)
        return turning_at([0.02, 0.4, 0.8, 5.0])(points, levels)

    assert sweep(PAIR, logits, CONFIG, points)
    assert len(looked) <= points


def test_members_that_pass_nothing_on_are_left_out():
    space = CellSpace((8, 8, 1), 3, nodes=1, channels=4, ops=("none", "conv_1x1"))

    members = sweep(space, turning_at([0.2, 0.4, 0.6, 0.8]), CONFIG, 40)

    assert members
    assert all("conv_1x1" in member.ops for member in members)


def test_a_limit_gives_the_slowest_member_that_surely_keeps_it():
    search = make(hypernetwork="mlp")
    unsettle(search.hypernetwork)
    swept = sweep(TINY, search.alphas, search.config, POINTS)
    highs = sorted({search.table.predict(member).high_ms for member in swept})
    limit = (highs[1] + highs[2]) / 2

    found = search.table.predict(search.derive(max_latency_ms=limit))

    assert found.high_ms == highs[1]


def test_a_limit_that_no_member_keeps_says_what_the_fastest_needs():
    with pytest.raises(LimitError, match=r"keeps 0\.001 ms: the fastest needs \d"):
        make().derive(max_latency_ms=0.001)


def test_ops_whose_logits_are_equal_share_the_choice():
    taken = shares(TINY, np.zeros((4, 3)))

    assert list(taken) == list(TINY.ops)
    assert list(taken.values()) == pytest.approx([1 / 3] * 3)


def test_before_the_hypernetwork_moves_the_op_with_most_weights_is_taken():
    assert shares(TINY, at_uniform(make()))["sep_conv_3x3"] == 1
