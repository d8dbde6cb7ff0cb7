import numpy as np
import pytest
from stand_ins import (
    TINY,
    StandInSearch,
    convolutions,
    pools_and_convolutions,
    stand_in_table,
)

from tfnas.errors import RunError, SettingsError, TfnasError
from tfnas.family.family import (
    Family,
    find_family,
    front,
    kept_family,
    logits_for,
    member_at,
)
from tfnas.latency.row import Row
from tfnas.spaces.simplex import Point
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
    assert loaded.members == family.members  # with the points that gave them
    with pytest.raises(RunError, match="is of another table"):
        Family.load(path, stand_in_table(TINY, skeleton_ms=3.0))
    path.write_text(path.read_text().replace('"schema": 2', '"schema": 1'))
    with pytest.raises(RunError, match="another table or version"):
        Family.load(path, family.table)
    path.write_text("{}")
    with pytest.raises(RunError, match="is damaged"):
        Family.load(path, family.table)


def test_more_members_than_there_are_are_all_of_them(tmp_path):
    family, path = pools_and_convolutions(), tmp_path / "family.json"
    family.save(path)
    members = len(family.members)

    assert len(family.scores) == members
    for scored in (None, members, members + 1):
        kept = kept_family(path, family.table, None, scored)
        assert kept.scores == family.scores
    with pytest.raises(TfnasError, match=r"family\.json exists"):
        kept_family(path, family.table, None, members - 1)


def test_ops_that_another_device_bars_are_taken_by_no_member():
    rows = dict(stand_in_table(TINY).rows)
    for site in rows:
        if site.op == "max_pool_3x3":
            rows[site] = Row(0.0, 0.0, 0.0, 0.0, 1, flags=(UNUSABLE,))
    table = stand_in_table(TINY, rows=rows)
    logits = logits_for(StandInSearch(), table)([[0.0, 0.4, 0.6]], [1.0])

    assert np.all(np.argmax(logits, axis=-1) == 1)  # pools are cheap, and barred
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


def test_a_member_is_that_of_its_budget_and_its_strength():
    table, dear = stand_in_table(TINY), (0.2, 0.1, 0.7)

    # convolutions are worth 1, and cost 0.6 r more than identities
    weak, strong = (
        member_at(StandInSearch(), table, Point(dear, r)) for r in (1.6, 1.7)
    )
    assert (weak.ops, strong.ops) == (("sep_conv_3x3",) * 4, ("skip_connect",) * 4)
    with pytest.raises(SettingsError, match=r"101: take one of the 0\.01 to 100 that"):
        member_at(StandInSearch(), table, Point(dear, 101.0))
