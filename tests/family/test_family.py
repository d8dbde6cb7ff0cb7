import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from stand_ins import TINY, stand_in_table

from tfnas.errors import LimitError, RunError
from tfnas.family.choose import best_within, ranked
from tfnas.family.extremes import fastest, ranges, slowest
from tfnas.family.family import Family, find_family, front, logits_for
from tfnas.family.limits import Limits
from tfnas.family.member import priced
from tfnas.family.repair import repaired, single_changes, usage_of
from tfnas.latency.row import Row
from tfnas.networks.build import build
from tfnas.networks.counts import count_params
from tfnas.search.derive import derive, sweep
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.targets.measurement import UNUSABLE

PAIR = CellSpace((8, 8, 1), 3, nodes=1, channels=4, ops=("skip_connect", "conv_1x1"))
TURNS = np.array([0.2, 0.4, 0.6, 0.8])


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


def test_the_front_holds_what_nothing_beats():
    costs, scores = [1, 2, 2, 3, 4], [0.5, 0.4, 0.7, 0.7, 0.9]

    assert front(costs, scores) == [0, 2, 4]


def test_single_changes_are_all_networks_that_differ_in_one_choice():
    changes = single_changes(Architecture(TINY, (0, 1, 2, 0)))

    assert len(changes) == 4 * 2
    assert all(
        sum(a != b for a, b in zip(other.indices, (0, 1, 2, 0), strict=True)) == 1
        for other in changes
    )


@pytest.mark.parametrize("indices", [(0, 1, 2, 2), (2, 2, 2, 2), (3, 0, 1, 3)])
def test_parameters_are_those_of_the_network_that_is_built(indices):
    ops = ("max_pool_3x3", "skip_connect", "sep_conv_3x3", "none")
    space = CellSpace((8, 8, 1), 3, nodes=2, channels=4, ops=ops)
    member = Architecture(space, indices + indices + (0, 1))

    weights = build(member).trainable_weights
    assert count_params(member) == sum(int(np.prod(w.shape)) for w in weights)


def pools_and_convolutions():
    """Convolutions cost 3 ms, pools 1; the score counts convolutions."""
    members = {
        Architecture(TINY, indices): (number / 10, 1 - number / 10, 0.0)
        for number, indices in enumerate([(0, 0, 0, 0), (2, 0, 0, 0), (2, 2, 2, 2)])
    }
    scores = {member: convolutions(member) for member in members}
    return Family(stand_in_table(TINY), 10, members, scores)


def convolutions(member):
    return member.ops.count("sep_conv_3x3") / 4


def high_ms(member):
    return priced(member, stand_in_table(TINY))["predicted_high_ms"]


def chosen(latency_ms, check=lambda member, budget: None):
    family, limits = pools_and_convolutions(), Limits(latency_ms=latency_ms)
    return best_within(family, limits, convolutions, 1000, check)[0]


def test_the_best_member_within_a_limit_is_taken_by_its_upper_end():
    everything = Architecture(TINY, (2, 2, 2, 2))
    roomy = high_ms(everything)

    assert chosen(roomy) == everything
    # a hair less: a member beyond is repaired, which leaves three convolutions
    just_less = chosen(roomy - 0.001)
    assert convolutions(just_less) == 3 / 4
    assert high_ms(just_less) <= roomy - 0.001


def test_what_a_limit_forbids_is_said_with_what_the_fastest_needs():
    with pytest.raises(
        LimitError, match=r"No network keeps latency_ms 1\. The fastest"
    ):
        chosen(1.0)


def test_what_the_fastest_needs_is_that_of_the_space_not_of_the_family():
    cheapest = Architecture(TINY, (1, 1, 1, 1))
    ms = stand_in_table(TINY).predict(cheapest).latency_ms

    assert cheapest not in pools_and_convolutions().members
    with pytest.raises(LimitError, match=f"The fastest needs {ms:.3f} ms"):
        chosen(1.0)


def test_a_member_too_large_once_converted_is_passed_over():
    refused = []

    def check(member, budget):
        if convolutions(member) > 1 / 4:
            refused.append(member)
            raise LimitError("too large")

    assert convolutions(chosen(1000.0, check)) == 1 / 4
    assert refused
    with pytest.raises(LimitError, match="never fits"):
        chosen(1000.0, lambda member, budget: never())


EVERY = [Architecture(TINY, indices) for indices in product(range(3), repeat=4)]


def of_every_network(limits, score, check=lambda member, budget: None):
    members = dict.fromkeys(EVERY, (0.2, 0.3, 0.5))
    family = Family(
        stand_in_table(TINY),
        10,
        members,
        dict(zip(EVERY, map(score, EVERY), strict=True)),
    )
    return best_within(family, limits, score, 1000, check)[0]


@pytest.mark.parametrize("latency_ms", [None, 1000.0])
def test_a_size_that_few_members_keep_is_kept_by_one_of_them(latency_ms):
    # most members are too large, all that are slow or well scored among them
    room, looked = sorted(map(count_params, EVERY))[8], []

    def check(member, budget):
        looked.append(member)
        if count_params(member) > room:
            raise LimitError("too large")

    limits = Limits(latency_ms=latency_ms, size_bytes=1000)
    member = of_every_network(limits, convolutions, check)

    assert count_params(member) == room
    assert len(looked) == len({*looked}) < 12


def test_among_equals_a_limit_takes_the_member_with_most_parameters():
    roomy = Limits(latency_ms=1000.0)
    most = max(map(count_params, EVERY))

    assert count_params(of_every_network(roomy, lambda member: 0.5)) == most
    # 0.6 of 1,000 images is told from 0.5
    pools = EVERY[0]
    assert of_every_network(roomy, lambda m: 0.6 if m == pools else 0.5) == pools


def never():
    raise LimitError("never fits")


def test_scores_within_one_standard_error_of_the_best_give_way_to_parameters():
    low, best, large = (Architecture(TINY, (op,) * 4) for op in range(3))
    # of 100 images, 90 % are told from 87 % (one standard error is 3 %) hardly
    scores = {low: 0.86, best: 0.9, large: 0.871}

    assert ranked(scores, 100) == [large, best, low]
    # of 10,000 they are: the error is 0.3 %
    assert ranked(scores, 10_000) == [best, large, low]


def test_a_perfect_score_of_few_images_is_not_told_from_one_miss():
    pools, convolutions = (Architecture(TINY, (op,) * 4) for op in (0, 2))

    assert ranked({pools: 1.0, convolutions: 0.95}, 20) == [convolutions, pools]
    assert ranked({pools: 1.0, convolutions: 0.95}, 200) == [pools, convolutions]


def test_a_repair_that_cannot_succeed_ends():
    convolutions, identities = (Architecture(TINY, (op,) * 4) for op in (2, 1))

    assert repaired(convolutions, lambda member: 2.0, identities) is None


def test_the_fastest_network_may_share_pools_rather_than_take_identities():
    space = CellSpace(
        (8, 8, 1), 3, nodes=2, channels=4, ops=("max_pool_3x3", "skip_connect")
    )
    # per reduction cell: identities add 3 times, for they halve by convolutions of
    # their own; pools share, and add twice
    prices = {"max_pool_3x3": 1.0, "skip_connect": 0.0, "add": 5.0}
    table = stand_in_table(space, prices)
    networks = [Architecture(space, ops) for ops in product((0, 1), repeat=10)]

    least = min(table.predict(network).latency_ms for network in networks)

    assert table.predict(fastest(table)).latency_ms == least
    assert least < table.predict(Architecture(space, (1,) * 10)).latency_ms


def test_a_space_with_none_has_a_slowest_network_though_identities_cost_as_little():
    space = replace(TINY, ops=("none", "skip_connect"))
    table = stand_in_table(space, {"none": 0.0, "skip_connect": 0.0})

    assert slowest(table).ops == ("skip_connect",) * 4


def test_the_slowest_network_has_the_slowest_op_everywhere_that_is_not_barred():
    assert slowest(stand_in_table(TINY)).op_counts["sep_conv_3x3"] == 4


def test_a_repair_takes_no_op_that_the_device_bars():
    table = stand_in_table(TINY)
    barred = replace(
        table,
        rows={
            site: replace(row, median_ms=0.0, flags=(UNUSABLE,))
            if site.op == "skip_connect"
            else row
            for site, row in table.rows.items()
        },
    )
    pools = Architecture(TINY, (0, 0, 0, 0))
    limits = Limits(latency_ms=barred.predict(pools).high_ms)
    usage = usage_of(limits, barred)

    assert fastest(barred) == pools
    assert repaired(Architecture(TINY, (2, 2, 2, 2)), usage, pools) == pools
    assert usage(Architecture(TINY, (0, 0, 0, 1))) == math.inf


def test_a_repair_that_no_single_change_helps_goes_to_the_fastest_network():
    convolutions, identities = (Architecture(TINY, (op,) * 4) for op in (2, 1))

    def usage(member):
        return 0.5 if member == identities else 2.0

    assert repaired(convolutions, usage, identities) == identities


def test_equal_pools_that_cost_nothing_to_lose_do_not_stop_a_repair():
    space = CellSpace((8, 8, 1), 3, nodes=2, channels=4)
    table = stand_in_table(space)
    pools = Architecture(space, (0,) * len(space.choices))
    identities = Architecture(space, (1,) * len(space.choices))
    limit = priced(identities, table)["predicted_high_ms"] + 0.1

    usage = usage_of(Limits(latency_ms=limit), table)
    found = repaired(pools, usage, pools)  # the way to the goal would not help

    assert found == identities


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


def test_the_ranges_of_a_space_are_those_of_its_cheapest_and_dearest_network():
    table = stand_in_table(TINY)
    middle = Architecture(TINY, (0, 0, 0, 0))
    found = ranges(table, lambda: middle)

    cheap, dear = (Architecture(TINY, (op,) * 4) for op in (1, 2))
    assert found["latency_ms"] == {
        "min": table.predict(cheap).latency_ms,
        "median": table.predict(middle).latency_ms,
        "max": table.predict(dear).latency_ms,
    }
    assert found["params"]["max"] == count_params(dear)
