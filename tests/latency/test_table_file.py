import json
import math

import pytest
from stand_ins import TINY, stand_in_table

from tfnas.errors import TableError
from tfnas.latency.store import table_path
from tfnas.latency.table_file import read_table, write_table
from tfnas.spaces.cell import CellSpace


def test_a_saved_table_reads_back_equal(tmp_path):
    hot = {"temperature_c": "60 to 71"}
    table = stand_in_table(TINY, kind="measured", conditions=hot)
    write_table(tmp_path / "t.json", table)

    assert read_table(tmp_path / "t.json") == table


def damaged(tmp_path, change):
    path = tmp_path / "t.json"
    write_table(path, stand_in_table(TINY))
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(schema=0), "no latency table of schema 3"),
        (lambda t: t.update(kind="guess"), "Unknown kind of table 'guess'"),
        (lambda t: t["rows"].pop(), "lacks 1 of 12 sites, skip_connect"),
        (lambda t: t["rows"][0].update(median_ms=math.nan), "gives nan ms"),
        (lambda t: t["rows"][0].update(median_ms=-1), "gives -1 ms"),
        (lambda t: t.update(skeleton_ms=math.inf), "The skeleton of cpu is not a"),
        (
            lambda t: t["calibration"].update(scale=math.nan),
            "number that is not finite",
        ),
        (lambda t: t["calibration"].update(scale=0), "time or a scale of 0"),
        (
            lambda t: t["calibration"]["heldout_predicted_ms"].__setitem__(0, 0.0),
            "time or a scale",
        ),
        (lambda t: t["calibration"].update(heldout_rounds_ms=[]), "got 3 and 0"),
        (lambda t: t["calibration"]["heldout_rounds_ms"][0].clear(), "measured, got"),
        (lambda t: t["space"].update(channels=5), "lacks"),
        (lambda t: t.update(space_fingerprint="0"), "was edited"),
        (lambda t: t.pop("calibration"), "is damaged: 'calibration'"),
        (lambda t: t["rows"][0].pop("op"), "is damaged: 'op'"),
    ],
)
def test_a_table_that_cannot_be_trusted_is_refused(tmp_path, change, message):
    with pytest.raises(TableError, match=message):
        read_table(damaged(tmp_path, change))


@pytest.mark.parametrize("text", ["", "[1]", "no json"])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "t.json").write_text(text)

    with pytest.raises(TableError, match=r"t\.json is no latency table"):
        read_table(tmp_path / "t.json")


def test_the_committed_table_loads_and_prices_the_default_space(pytestconfig):
    (path,) = (pytestconfig.rootpath / "tflite_tables/shipped").glob("cpu-cell-*.json")
    table = read_table(path)

    table.require(CellSpace())
    assert table.kind == "measured"
    assert path.name == table_path(path.parent, "cpu", table.device, table.space).name
    # identities cost nothing, convolutions more than pools
    pool, skip, conv = table.matrix()[0]
    assert skip == 0 < pool < conv
