from dataclasses import replace

import pytest
from stand_ins import TINY, stand_in_table

from tfnas.cli.texts import comparison_text
from tfnas.errors import TableError
from tfnas.latency.calibration import Calibration
from tfnas.latency.compare import compare, merge

SLOW_POOLS = {"max_pool_3x3": 4.0, "skip_connect": 0.0, "sep_conv_3x3": 6.0}


def test_two_tables_are_set_beside_each_other_site_by_site():
    other = stand_in_table(TINY, SLOW_POOLS, device={"cpu": "other", "threads": "1"})
    found = compare(stand_in_table(TINY), other)

    by_op = {site.op: ratio for site, ratio in found.ratios.items()}
    assert by_op == {"max_pool_3x3": 4.0, "sep_conv_3x3": 2.0}
    assert found.differences == {"cpu": ("stand-in", "other")}
    assert found.to_dict()["median_ratio"] == 3.0
    assert "cpu: stand-in | other" in comparison_text(found)


def test_tables_that_share_no_sites_cannot_be_compared():
    larger = replace(TINY, channels=8)

    with pytest.raises(TableError, match="share fewer than two sites"):
        compare(stand_in_table(TINY), stand_in_table(larger))


def line_table(space, op_ms, networks=4, **changes):
    """A table whose held-out networks lie on measured = 3 + 2 * sum exactly."""
    sums = [10.0 * number for number in range(1, networks + 1)]
    measured = tuple((3 + 2 * total,) for total in sums)
    # its own line is another: predicted = 1 + sum
    fit = Calibration(1.0, 1.0, 2, tuple(1 + total for total in sums), measured)
    return stand_in_table(space, op_ms, calibration=fit, **changes)


def test_tables_of_other_ops_become_one_with_a_line_of_its_own():
    pools = replace(TINY, ops=("max_pool_3x3", "skip_connect"))
    convs = replace(TINY, ops=("skip_connect", "conv_1x1"))
    costs = {"max_pool_3x3": 1.0, "skip_connect": 0.0, "conv_1x1": 5.0}
    both = merge(line_table(pools, costs), line_table(convs, costs))

    assert both.space.ops == ("max_pool_3x3", "skip_connect", "conv_1x1")
    prices = {site.op: row.median_ms for site, row in both.rows.items()}
    assert prices == {**costs, "add": 0.0}
    assert (both.calibration.offset_ms, both.calibration.scale) == (3.0, 2.0)
    assert both.calibration.fitted_on == 4
    assert both.calibration.median_error == 0


@pytest.mark.parametrize(
    ("networks", "fitted", "held_out"),
    [((12, 12), 8, 16), ((12, 19), 12, 19), ((19, 19), 19, 19)],
)
def test_of_two_tables_enough_networks_are_held_out(networks, fitted, held_out):
    both = [line_table(TINY, SLOW_POOLS, networks=number) for number in networks]
    fit = merge(*both).calibration

    assert (fit.fitted_on, len(fit.heldout_predicted_ms)) == (fitted, held_out)
    # the line is drawn through networks of both, and holds for what was held out
    assert (fit.scale, fit.median_error) == (2, 0)


def test_tables_whose_networks_make_no_line_are_not_merged():
    table = line_table(TINY, SLOW_POOLS)
    half = replace(table.calibration, heldout_predicted_ms=(900.0, 910.0, 920.0, 930.0))

    with pytest.raises(TableError, match="on whole networks is of no use"):
        merge(table, replace(table, calibration=half))


def test_of_two_times_for_a_site_the_later_is_kept_whatever_the_order():
    older = line_table(TINY, SLOW_POOLS, date="2026-01-01")
    newer = line_table(TINY, {**SLOW_POOLS, "max_pool_3x3": 2.0}, date="2026-02-01")

    for tables in ((older, newer), (newer, older)):
        kept = {site.op: row.median_ms for site, row in merge(*tables).rows.items()}
        assert kept["max_pool_3x3"] == 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "analytic"}, "kind is measured and analytic"),
        ({"device": {"cpu": "other", "threads": "1"}}, "cpu is stand-in and other"),
        ({"device": {"cpu": "stand-in"}}, "threads is 1 and nothing"),
        ({"space": replace(TINY, channels=8)}, "channels is 4 and 8"),
    ],
)
def test_what_differs_must_not_be_merged(change, message):
    other = stand_in_table(**{"space": TINY, **change})

    with pytest.raises(TableError, match=message):
        merge(stand_in_table(TINY), other)
