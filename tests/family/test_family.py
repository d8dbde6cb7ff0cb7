import numpy as np
import pytest
from stand_ins import TINY, convolutions, pools_and_convolutions, stand_in_table

from tfnas.errors import RunError
from tfnas.family.family import Family, find_family, front, logits_for
from tfnas.latency.row import Row
from tfnas.targets.measurement import UNUSABLE


def test_the_front_holds_what_nothing_beats():
    costs, scores = [1, 2, 2, 3, 4], [0.5, 0.4, 0.7, 0.7, 0.9]

    assert front(costs, scores) == [0, 2, 4]


def test_a_family_comes_back_from_its_file(tmp_path):
    family, path = pools_and_convolutions(), tmp_path / "family.json"
    family.save(path)

    loaded = Family.load(path, family.table)
    assert loaded.scores == family.scores
    assert [*loaded.members] == family.by_latency
    with pytest.raises(RunError, match="is of another table"):
        Family.load(path, stand_in_table(TINY, skeleton_ms=3.0))
    path.write_text("{}")
    with pytest.raises(RunError, match="is damaged"):
        Family.load(path, family.table)


class StandInSearch:
    space = TINY

    def alphas(self, points):
        """Every choice takes the op with the lowest price."""
        return np.repeat(-np.asarray(points)[:, None, :], 4, axis=1)


def test_ops_that_another_device_bars_are_taken_by_no_member():
    rows = dict(stand_in_table(TINY).rows)
    for site in rows:
        if site.op == "max_pool_3x3":
            rows[site] = Row(0.0, 0.0, 0.0, 0.0, 1, flags=(UNUSABLE,))
    table = stand_in_table(TINY, rows=rows)
    cheap_pools = [[0.0, 0.4, 0.6]]

    assert np.all(np.argmax(logits_for(StandInSearch(), table)(cheap_pools), -1) == 1)
    family = find_family(StandInSearch(), table, convolutions, points=30, scored=2)
    assert {op for member in family.members for op in member.ops} == {
        *("skip_connect", "sep_conv_3x3")
    }


def test_scored_members_reach_from_the_fastest_to_the_slowest():
    family = find_family(
        StandInSearch(), stand_in_table(TINY), convolutions, points=30, scored=2
    )

    fastest, slowest = family.by_latency[0], family.by_latency[-1]
    assert [*family.scores] == [fastest, slowest]
    assert family.front == [fastest, slowest]
