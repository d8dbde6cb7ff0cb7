from dataclasses import replace

from stand_ins import TINY, stand_in_table

from tfnas.latency.store import listed, newest_table, table_path
from tfnas.latency.table_file import write_table
from tfnas.spaces.cell import CellSpace


def test_an_address_becomes_a_file_name(tmp_path):
    path = table_path(tmp_path, "ssh://pi@kitchen:22", {"cpu": "stand-in"}, TINY)

    assert path.parent == tmp_path
    assert path.name.startswith("ssh-pi@kitchen-22-cell-8x8x1-")


def test_the_list_passes_over_what_is_no_table(tmp_path):
    table = stand_in_table(TINY)
    write_table(tmp_path / "shipped" / "one.json", table)
    (tmp_path / "other.json").write_text("{}")

    assert listed(tmp_path) == {tmp_path / "shipped" / "one.json": table}


def test_the_newest_fitting_table_is_found_and_other_hosts_are_not(tmp_path):
    host = {"cpu": "here"}
    mine = stand_in_table(TINY, device=host)
    for name, table in {
        "old": replace(mine, date="2025-01-01"),
        "new": replace(mine, date="2026-02-01"),
        "elsewhere": replace(mine, date="2026-03-01", device={"cpu": "there"}),
        "other-space": stand_in_table(CellSpace(), device=host, date="2026-04-01"),
    }.items():
        write_table(tmp_path / f"{name}.json", table)
    (tmp_path / "broken.json").write_text("{")

    assert newest_table(tmp_path, TINY, host) == tmp_path / "new.json"
    (tmp_path / "new.json").unlink()
    (tmp_path / "old.json").unlink()
    assert newest_table(tmp_path, TINY, host) is None
