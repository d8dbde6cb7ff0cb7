import pytest

from tfnas.latency.row import Row, row_of, slope
from tfnas.targets.measurement import UNUSABLE, Measurement


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


def test_the_slope_has_no_cost_of_the_call_in_it():
    timed = {
        copies: Measurement((5 + 0.25 * copies, 7 + 0.25 * copies), arena_bytes=copies)
        for copies in (1, 2, 4, 8)
    }
    found = slope(timed)

    assert found.runs_ms == pytest.approx((0.25, 0.25))
    assert found.residual_ms == pytest.approx(0, abs=1e-12)
    assert found.arena_bytes == 1


def test_how_far_from_a_line_the_times_lie_is_told():
    # least squares through (1, 0), (2, 3), (3, 0): the line is y = 1
    timed = {1: Measurement((0.0,)), 2: Measurement((3.0,)), 3: Measurement((0.0,))}
    found = slope(timed)

    assert found.runs_ms == pytest.approx((0,), abs=1e-12)
    assert found.residual_ms == pytest.approx(2)


def test_one_number_of_copies_is_no_line_but_the_measurement_itself():
    timed = Measurement((1.0, 2.0), 64, ("flag",))

    assert slope({1: timed}) is timed


def test_flags_of_any_number_of_copies_are_kept_once():
    timed = {
        1: Measurement((1.0,), flags=("seen",)),
        2: Measurement((2.0,), flags=("seen", UNUSABLE)),
    }

    assert slope(timed).flags == ("seen", UNUSABLE)
