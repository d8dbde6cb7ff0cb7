import math
from dataclasses import replace

from stand_ins import TINY, stand_in_table

from tfnas.family.extremes import fastest
from tfnas.family.limits import Limits
from tfnas.family.member import priced
from tfnas.family.repair import repaired, single_changes, usage_of
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.targets.measurement import UNUSABLE


def equal(member):
    return 0.5


def test_single_changes_are_all_networks_that_differ_in_one_choice():
    changes = single_changes(Architecture(TINY, (0, 1, 2, 0)))

    assert len(changes) == 4 * 2
    assert all(
        sum(a != b for a, b in zip(other.indices, (0, 1, 2, 0), strict=True)) == 1
        for other in changes
    )


def test_a_repair_that_cannot_succeed_ends():
    convolutions, identities = (Architecture(TINY, (op,) * 4) for op in (2, 1))

    assert repaired(convolutions, lambda member: 2.0, identities, equal) is None


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
    convolutions = Architecture(TINY, (2, 2, 2, 2))
    assert repaired(convolutions, usage, pools, equal) == pools
    assert usage(Architecture(TINY, (0, 0, 0, 1))) == math.inf


def test_a_repair_that_no_single_change_helps_goes_to_the_fastest_network():
    convolutions, identities = (Architecture(TINY, (op,) * 4) for op in (2, 1))

    def usage(member):
        return 0.5 if member == identities else 2.0

    assert repaired(convolutions, usage, identities, equal) == identities


def test_of_the_changes_that_suffice_the_best_scored_is_taken():
    table, convolutions = stand_in_table(TINY), Architecture(TINY, (2, 2, 2, 2))
    identities = Architecture(TINY, (1, 1, 1, 1))
    just_less = Limits(latency_ms=table.predict(convolutions).high_ms - 0.001)
    usage, best = usage_of(just_less, table), Architecture(TINY, (2, 2, 2, 1))

    def score(member):
        return 0.9 if member == best else 0.5

    assert repaired(convolutions, usage, identities, score) == best
    # of equals the one that leaves most in use: a pool for a convolution of one cell
    fullest = Architecture(TINY, (0, 2, 2, 2))
    assert repaired(convolutions, usage, identities, equal) == fullest


def test_equal_pools_that_cost_nothing_to_lose_do_not_stop_a_repair():
    space = CellSpace((8, 8, 1), 3, nodes=2, channels=4)
    table = stand_in_table(space)
    pools = Architecture(space, (0,) * len(space.choices))
    identities = Architecture(space, (1,) * len(space.choices))
    limit = priced(identities, table)["predicted_high_ms"] + 0.1

    usage = usage_of(Limits(latency_ms=limit), table)
    # the way to the goal would not help
    found = repaired(pools, usage, pools, equal)

    assert found == identities
