import json
import math
from dataclasses import replace

import pytest
from stand_ins import TINY, stand_in_table

from tfnas.errors import TableError
from tfnas.latency.calibration import Calibration, calibrate, spearman
from tfnas.latency.row import Row, row_of
from tfnas.latency.store import newest_table, table_path
from tfnas.latency.table import LatencyTable
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.targets.measurement import UNUSABLE, Measurement


def test_theil_sen_ignores_one_network_measured_in_a_busy_moment():
    sums = [1.0, 2.0, 3.0, 4.0, 5.0]
    measured = [3.0, 5.0, 7.0, 90.0, 11.0]  # 1 + 2 x, but for the fourth

    assert calibrate(sums, measured) == (1.0, 2.0)


def test_networks_that_all_cost_the_same_cannot_calibrate():
    with pytest.raises(TableError, match="all cost the same"):
        calibrate([1.0, 1.0], [1.0, 2.0])


def test_spearman_compares_orders():
    assert spearman([1, 2, 3], [10, 20, 90]) == pytest.approx(1.0)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    # ranks 1, 2, 3 and 1.5, 1.5, 3: covariance 1.5, sums of squares 2 and 1.5
    assert spearman([1, 2, 3], [5, 5, 7]) == pytest.approx(1.5 / (2 * 1.5) ** 0.5)


def test_the_interval_is_the_conformal_rank_of_the_held_out_errors():
    errors = [k / 100 for k in range(1, 21)]  # 1 % to 20 %
    fit = Calibration(0.0, 1.0, 2, (1.0,) * 20, tuple((1 + e,) for e in errors))

    # rank ceil(0.95 * 21) = 20 of 20; none is faster than predicted
    assert fit.interval == pytest.approx((0, 0.2))
    assert fit.median_error == pytest.approx(0.105)


def test_few_held_out_networks_give_the_largest_error():
    fit = Calibration(0.0, 1.0, 2, (1.0, 1.0), ((1.1,), (0.8,)))

    assert fit.interval == pytest.approx((0.2, 0.1))


STEADY = (1.0,) * 9


def test_one_in_twenty_rounds_lies_above_the_interval():
    # of 45 rounds, rank ceil(0.95 * 46) = 44: the second largest and smallest error
    rounds = ((0.6, 0.8, *STEADY[4:], 1.2, 1.3), *[STEADY] * 4)
    fit = Calibration(0.0, 1.0, 2, (1.0,) * 5, rounds)

    assert fit.heldout_measured_ms == (1.0,) * 5
    assert fit.median_error == 0
    assert fit.interval == pytest.approx((0.2, 0.2))


def test_a_network_that_is_off_in_every_round_counts_as_one_of_its_kind():
    # 1 of 20 networks, though rank ceil(0.95 * 181) = 172 of 180 rounds has no error
    rounds = ((*STEADY[5:], *(1.05,) * 5), *[STEADY] * 19)
    fit = Calibration(0.0, 1.0, 2, (1.0,) * 20, rounds)

    assert fit.interval == pytest.approx((0, 0.05))


def test_a_prediction_is_offset_plus_scale_times_skeleton_and_entries():
    table = stand_in_table(TINY)  # pool 1 ms, identity 0, convolution 3; skeleton 2 ms
    member = Architecture(TINY, (0, 2, 1, 2))

    # normal: pool 1 + convolution 3; reduction twice: identity 0 + convolution 3
    predicted = table.predict(member)

    assert table.sum_ms(member) == 2 + 4 + 2 * 3
    assert predicted.latency_ms == 1 + 2 * 12
    # held-out networks were 5 % faster and 10 % slower at most
    assert predicted.low_ms == pytest.approx(25 * 0.95)
    assert predicted.high_ms == pytest.approx(25 * 1.1)


def test_the_matrix_sums_a_choices_sites():
    matrix = stand_in_table(TINY).matrix()

    # a choice of the normal cell has one site, of the reduction cell two
    assert matrix.tolist() == [[1, 0, 3], [1, 0, 3], [2, 0, 6], [2, 0, 6]]


def test_a_row_summarizes_runs():
    timed = Measurement(tuple(float(ms) for ms in range(1, 12)), 64, ("unstable",))

    assert row_of(timed) == Row(
        median_ms=6.0,
        min_ms=1.0,
        p10_ms=2.0,
        p90_ms=10.0,
        runs=11,
        arena_bytes=64,
        flags=("unstable",),
    )
    assert row_of(Measurement((0.001,) * 3)).flags == ("below_resolution",)
    assert row_of(timed, call_ms=2.5).median_ms == 3.5
    assert row_of(timed, call_ms=2.5).min_ms == 0.0
    assert row_of(None).flags == ("no_op",)


def test_an_op_that_one_site_cannot_run_is_barred_at_its_choice():
    table = stand_in_table(TINY)
    reduced = next(s for s in table.rows if s.op == "max_pool_3x3" and s.stride == 2)
    row = Row(1.0, 1.0, 1.0, 1.0, 1, flags=(UNUSABLE,))
    barred = stand_in_table(TINY, rows={**table.rows, reduced: row})

    # the reduction cell's two edges from its inputs have stride 2
    assert barred.usable().tolist() == [[True] * 3] * 2 + [[False, True, True]] * 2


def test_a_table_that_bars_every_op_of_a_choice_is_refused():
    row = Row(1.0, 1.0, 1.0, 1.0, 1, flags=(UNUSABLE,))
    rows = dict.fromkeys(stand_in_table(TINY).rows, row)

    with pytest.raises(TableError, match="runs no op of the space at"):
        stand_in_table(TINY, rows=rows)


def test_a_saved_table_reads_back_equal(tmp_path):
    hot = {"temperature_c": "60 to 71"}
    table = stand_in_table(TINY, kind="measured", conditions=hot)
    table.save(tmp_path / "t.json")

    assert LatencyTable.load(tmp_path / "t.json") == table


def damaged(tmp_path, change):
    path = tmp_path / "t.json"
    stand_in_table(TINY).save(path)
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
        LatencyTable.load(damaged(tmp_path, change))


@pytest.mark.parametrize("text", ["", "[1]", "no json"])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "t.json").write_text(text)

    with pytest.raises(TableError, match=r"t\.json is no latency table"):
        LatencyTable.load(tmp_path / "t.json")


def test_a_table_of_another_space_is_refused():
    with pytest.raises(TableError, match="measured for another space"):
        stand_in_table(TINY).require(CellSpace())


def test_the_newest_fitting_table_is_found_and_other_hosts_are_not(tmp_path):
    host = {"cpu": "here"}
    mine = stand_in_table(TINY, device=host)
    for name, table in {
        "old": replace(mine, date="2025-01-01"),
        "new": replace(mine, date="2026-02-01"),
        "elsewhere": replace(mine, date="2026-03-01", device={"cpu": "there"}),
        "other-space": stand_in_table(CellSpace(), device=host, date="2026-04-01"),
    }.items():
        table.save(tmp_path / f"{name}.json")
    (tmp_path / "broken.json").write_text("{")

    assert newest_table(tmp_path, TINY, host) == tmp_path / "new.json"
    (tmp_path / "new.json").unlink()
    (tmp_path / "old.json").unlink()
    assert newest_table(tmp_path, TINY, host) is None


def test_the_committed_table_loads_and_prices_the_default_space(pytestconfig):
    (path,) = (pytestconfig.rootpath / "tflite_tables/shipped").glob("cpu-cell-*.json")
    table = LatencyTable.load(path)

    table.require(CellSpace())
    assert table.kind == "measured"
    assert path.name == table_path(path.parent, "cpu", table.device, table.space).name
    # identities cost nothing, convolutions more than pools
    pool, skip, conv = table.matrix()[0]
    assert skip == 0 < pool < conv
