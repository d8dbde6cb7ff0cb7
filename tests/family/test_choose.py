from itertools import product

import pytest
from stand_ins import (
    TINY,
    StandInScores,
    StandInSearch,
    convolutions,
    pools_and_convolutions,
    stand_in_table,
)

from tfnas.errors import LimitError
from tfnas.family.choose import best_within
from tfnas.family.family import Family, find_family, member_at
from tfnas.family.limits import Limits
from tfnas.family.member import priced
from tfnas.family.repair import single_changes
from tfnas.networks.activations import arena_guess
from tfnas.networks.counts import count_params
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import Point


def high_ms(member):
    return priced(member, stand_in_table(TINY))["predicted_high_ms"]


def found(latency_ms, check=lambda member, point: None):
    family, limits = pools_and_convolutions(), Limits(latency_ms=latency_ms)
    return best_within(family, limits, StandInScores(convolutions), check)


def chosen(*asked):
    return found(*asked)[0]


def test_the_best_member_within_a_limit_is_taken_by_its_upper_end():
    everything = Architecture(TINY, (2, 2, 2, 2))
    roomy = high_ms(everything)

    assert chosen(roomy) == everything
    # a hair less: a member beyond is repaired, which leaves three convolutions
    just_less = chosen(roomy - 0.001)
    assert convolutions(just_less) == 3 / 4
    assert high_ms(just_less) <= roomy - 0.001


def test_a_member_comes_with_the_point_that_gave_it_or_what_it_was_repaired_from():
    everything = Architecture(TINY, (2, 2, 2, 2))
    point = pools_and_convolutions().members[everything]

    assert point.strength == 2.0
    assert found(high_ms(everything)) == (everything, point)
    assert found(high_ms(everything) - 0.001)[1] == point


def test_a_limit_is_kept_by_a_member_of_another_strength():
    table, search = stand_in_table(TINY), StandInSearch()
    identities = Architecture(TINY, (1, 1, 1, 1))
    family = find_family(search, table, convolutions, points=100, scored=3)

    limits = Limits(latency_ms=high_ms(identities))
    scores = StandInScores(convolutions)
    member, point = best_within(family, limits, scores, lambda member, point: None)

    # convolutions are worth 1, which no price at strength 1 is above
    assert member == identities == member_at(search, table, point)
    assert point.strength > 1


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

    def check(member, point):
        if convolutions(member) > 1 / 4:
            refused.append(member)
            raise LimitError("too large")

    assert convolutions(chosen(1000.0, check)) == 1 / 4
    assert refused
    with pytest.raises(LimitError, match="never fits"):
        chosen(1000.0, lambda member, point: never())


EVERY = [Architecture(TINY, indices) for indices in product(range(3), repeat=4)]


def of_every_network(limits, score, check=lambda member, point: None):
    members = dict.fromkeys(EVERY, Point((0.2, 0.3, 0.5)))
    family = Family(
        stand_in_table(TINY),
        10,
        members,
        dict(zip(EVERY, map(score, EVERY), strict=True)),
    )
    return best_within(family, limits, score, check)[0]


@pytest.mark.parametrize("latency_ms", [None, 1000.0])
def test_a_size_that_few_members_keep_is_kept_by_one_of_them(latency_ms):
    # most members are too large, all that are slow or well scored among them
    room, looked = sorted(map(count_params, EVERY))[8], []

    def check(member, point):
        looked.append(member)
        if count_params(member) > room:
            raise LimitError("too large")

    limits = Limits(latency_ms=latency_ms, size_bytes=1000)
    member = of_every_network(limits, StandInScores(convolutions), check)

    assert count_params(member) == room
    assert len(looked) == len({*looked}) < 12


def test_a_limit_on_ram_is_kept_by_the_best_that_fits():
    # what the target needs beside the maps, tfnas does not know
    needed = {member: 1.3 * arena_guess(member) + 500 for member in EVERY}
    room, looked = sorted(needed.values())[30], []

    def check(member, point):
        looked.append(member)
        if needed[member] > room:
            raise LimitError("needs too much RAM")

    member = of_every_network(
        Limits(arena_bytes=room), StandInScores(convolutions), check
    )

    fitting = [one for one in EVERY if needed[one] <= room]
    assert member in fitting
    assert convolutions(member) == max(map(convolutions, fitting))
    assert len(looked) < 12


def test_those_that_look_best_and_those_that_use_most_are_compared_on_all_images():
    order = sorted(EVERY, key=lambda member: member.indices)
    table, roomy = stand_in_table(TINY), Limits(latency_ms=1000.0)
    slow = sorted(EVERY, key=lambda m: -table.predict(m).high_ms)

    def few(member):
        return 1 - order.index(member) / len(order)

    # what chance put first on few images gives way
    score = StandInScores(few, lambda member: {order[1]: 0.9}.get(member, 0.5))

    assert of_every_network(roomy, score) == order[1]
    candidates = {*order[:8], *slow[:8]}
    first, then = score.looked_at[: len(candidates)], score.looked_at[len(candidates) :]
    assert {*first} == candidates
    # and the best is set beside what differs from it in one choice
    assert {*then} == {order[1], *single_changes(order[1])}
    assert len(then) == len({*then})


def never():
    raise LimitError("never fits")
