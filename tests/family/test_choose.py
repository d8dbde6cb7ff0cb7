from itertools import product

import pytest
from stand_ins import TINY, convolutions, pools_and_convolutions, stand_in_table

from tfnas.errors import LimitError
from tfnas.family.choose import best_within, ranked
from tfnas.family.family import Family
from tfnas.family.limits import Limits
from tfnas.family.member import priced
from tfnas.networks.counts import count_params
from tfnas.spaces.architecture import Architecture


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
