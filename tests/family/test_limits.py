import pytest

from tfnas.errors import LimitError, SettingsError
from tfnas.family.limits import Limits, Request, combine
from tfnas.spaces.simplex import Point

FACTS = {"predicted_high_ms": 2.5, "params": 1000}


def test_a_limit_that_is_met_exactly_is_kept():
    assert Limits(latency_ms=2.5, params=1000).exceeded(FACTS) == []


def test_every_broken_limit_is_told_with_what_is_needed():
    with pytest.raises(LimitError) as error:
        Limits(latency_ms=2.0, params=900).require(FACTS, "This one")

    assert str(error.value) == (
        "This one needs 2.500 ms (the upper end of the interval), allowed are 2; "
        "1,000 parameters, allowed are 900."
    )


def test_usage_is_the_largest_share_of_a_limit():
    assert Limits(latency_ms=5.0, params=4000).usage(FACTS) == 0.5
    assert Limits(size_bytes=1).usage(FACTS) == 0


def test_points_and_latencies_are_combined_under_the_other_limits():
    points = [Point((1.0, 0.0)), Point((0.0, 1.0), 2.0)]
    limits = Limits(params=5)

    assert combine(points, [2.0], limits) == [
        Request(point, Limits(params=5, latency_ms=2.0)) for point in points
    ]
    assert combine([], [2.0, 3.0], limits) == [
        Request(None, Limits(params=5, latency_ms=ms)) for ms in (2.0, 3.0)
    ]
    assert combine(points[:1], [], limits) == [Request(points[0], limits)]
    assert combine([], [], limits) == [Request(None, limits)]


def test_asking_for_nothing_is_an_error():
    with pytest.raises(SettingsError, match="--budget, or a limit such as"):
        combine([], [], Limits())
