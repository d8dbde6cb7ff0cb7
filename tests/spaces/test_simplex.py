import math

import pytest

from tfnas.errors import SettingsError
from tfnas.spaces.simplex import (
    Point,
    describe_budget,
    grid,
    parse_budget,
    point_name,
    uniform,
)

OPS = ("pool", "skip", "conv")


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("0.3,0.5,0.2", (0.3, 0.5, 0.2)),
        (" 0.3 , 0.5,0.2", (0.3, 0.5, 0.2)),
        ("conv=0.2,pool=0.3,skip=0.5", (0.3, 0.5, 0.2)),
        ("conv=0.7", (0.15, 0.15, 0.7)),
        ("0,1,0", (0.0, 1.0, 0.0)),
        (".33,.33,.33", (1 / 3, 1 / 3, 1 / 3)),
    ],
)
def test_a_budget_is_read_by_position_and_by_name(text, budget):
    assert parse_budget(text, OPS) == pytest.approx(budget)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.3,0.5", "has 2 shares, but the space prices 3"),
        ("0.3,0.5,0.3", "sums to 1.1, but must sum to 1"),
        ("0.5,0.7,-0.2", "every share must be a number from 0 to 1"),
        ("nan,0.5,0.5", "every share must be a number from 0 to 1"),
        ("a,0.5,0.5", "'a' is not a number"),
        ("", "'' is not a number"),
        ("cnov=0.5", "unknown op 'cnov'. Did you mean 'conv'"),
        ("conv=0.5,conv=0.5", "names 'conv' twice"),
        ("conv=1.4", "every share must be a number from 0 to 1"),
    ],
)
def test_what_is_not_on_the_simplex_is_refused(text, message):
    with pytest.raises(SettingsError, match=message):
        parse_budget(text, OPS)


def test_a_budget_is_put_into_words():
    assert describe_budget((0.15, 0.15, 0.7), OPS).startswith(
        "dear, so used less: conv x2.1; cheap, so used more: "
    )
    assert "same price" in describe_budget(uniform(3), OPS)


def test_a_point_is_named_by_its_budget_and_a_strength_that_is_not_1():
    assert point_name(Point((0.3, 0.5, 0.2))) == "budget-0.3-0.5-0.2"
    assert point_name(Point((1 / 3,) * 3, 0.25)) == (
        "budget-0.3333-0.3333-0.3333-strength-0.25"
    )


def test_the_grid_holds_every_multiple_once():
    points = list(grid(3, 4))

    assert len(points) == len(set(points)) == math.comb(6, 2)
    assert all(sum(point) == 1 for point in points)
    assert (0.25, 0.5, 0.25) in points
