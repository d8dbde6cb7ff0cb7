from dataclasses import replace

import pytest
from conftest import TINY, stand_in_table

from tfnas.errors import TableError
from tfnas.tables import compare, listed, table_path

SLOW_POOLS = {"max_pool_3x3": 4.0, "skip_connect": 0.0, "sep_conv_3x3": 6.0}


def test_two_tables_are_set_beside_each_other_site_by_site():
    other = stand_in_table(TINY, SLOW_POOLS, device={"cpu": "other", "threads": "1"})
    found = compare(stand_in_table(TINY), other)

    by_op = {site.op: ratio for site, ratio in found.ratios.items()}
    assert by_op == {"max_pool_3x3": 4.0, "sep_conv_3x3": 2.0}
    assert found.differences == {"cpu": ("stand-in", "other")}
    assert found.to_dict()["median_ratio"] == 3.0
    assert "cpu: stand-in | other" in found.in_words()


def test_tables_that_share_no_sites_cannot_be_compared():
    larger = replace(TINY, channels=8)

    with pytest.raises(TableError, match="share fewer than two sites"):
        compare(stand_in_table(TINY), stand_in_table(larger))


def test_an_address_becomes_a_file_name(tmp_path):
    path = table_path(tmp_path, "ssh://pi@kitchen:22", {"cpu": "stand-in"}, TINY)

    assert path.parent == tmp_path
    assert path.name.startswith("ssh-pi@kitchen-22-cell-8x8x1-")


def test_the_list_passes_over_what_is_no_table(tmp_path):
    table = stand_in_table(TINY)
    table.save(tmp_path / "shipped" / "one.json")
    (tmp_path / "other.json").write_text("{}")

    assert listed(tmp_path) == {tmp_path / "shipped" / "one.json": table}
