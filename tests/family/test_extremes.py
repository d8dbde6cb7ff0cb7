from dataclasses import replace
from itertools import product

from stand_ins import TINY, stand_in_table

from tfnas.family.extremes import fastest, ranges, slowest
from tfnas.networks.counts import count_params
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace


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
