import pytest

from tfnas.errors import TableError
from tfnas.latency.journal import Journal
from tfnas.targets.measurement import Measurement

HEADER = {"target": "stand-in"}


def test_a_journal_of_other_settings_is_refused_unless_told(tmp_path):
    path = tmp_path / "journal"
    Journal(path, HEADER).add("site", 0, Measurement((1.0,), 64, ("flag",)))

    with pytest.raises(TableError, match="begun with other settings"):
        Journal(path, {"target": "other"})
    kept = {("site", 0): Measurement((1.0,), 64, ("flag",))}
    assert Journal(path, HEADER).blocks == kept
    assert Journal(path, {"target": "other"}, overwrite=True).blocks == {}


def test_a_journal_whose_line_is_no_block_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "journal"
    Journal(path, HEADER)
    with path.open("a") as file:
        file.write('{"item": "site", "round": 0, "runs_ms": [1.0], "flags": []}\n')

    with pytest.raises(TableError, match=r"damaged \('rounds_ms'\)\. Delete it"):
        Journal(path, HEADER)
