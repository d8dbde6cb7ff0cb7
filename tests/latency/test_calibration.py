import numpy as np
import pytest
from stand_ins import CALIBRATION

from tfnas.errors import TableError
from tfnas.latency.calibration import (
    Calibration,
    calibrate,
    calibration,
    fit_of,
    spearman,
    upper_end,
)
from tfnas.latency.table_file import read_table


def test_theil_sen_ignores_one_network_measured_in_a_busy_moment():
    sums = [1.0, 2.0, 3.0, 4.0, 5.0]
    measured = [3.0, 5.0, 7.0, 90.0, 11.0]  # 1 + 2 x, but for the fourth

    assert calibrate(sums, measured) == (1.0, 2.0)


def test_networks_that_all_cost_the_same_cannot_calibrate():
    with pytest.raises(TableError, match="all cost the same"):
        calibrate([1.0, 1.0], [1.0, 2.0])


def test_spearman_compares_orders():
    assert spearman([1, 2, 3], [10, 20, 90]) == 1
    assert spearman([1, 2, 3], [3, 2, 1]) == -1
    # ranks 1, 2, 3 and 1.5, 1.5, 3: covariance 1.5, sums of squares 2 and 1.5
    assert spearman([1, 2, 3], [5, 5, 7]) == pytest.approx(1.5 / (2 * 1.5) ** 0.5)
    assert spearman([1, 2, 3], [5, 5, 5]) == 0


def held_out(*errors):
    """A calibration whose networks, of 1, 2, ... ms, were off by that in each round."""
    predicted = range(1, len(errors) + 1)
    rounds = [
        tuple(ms * (1 + error) for error in np.atleast_1d(of_rounds))
        for ms, of_rounds in zip(predicted, errors, strict=True)
    ]
    return Calibration(0.0, 1.0, 2, tuple(map(float, predicted)), tuple(rounds))


def test_the_interval_is_the_conformal_rank_of_the_held_out_errors():
    fit = held_out(*(k / 100 for k in range(1, 21)))  # 1 % to 20 %

    # rank ceil(0.95 * 21) = 20 of 20; none is faster than predicted
    assert fit.interval == pytest.approx((0, 0.2))
    assert fit.median_error == pytest.approx(0.105)


def test_few_held_out_networks_give_the_largest_error():
    assert held_out(0.1, -0.2).interval == pytest.approx((0.2, 0.1))


STEADY = (0.0,) * 9


def test_one_in_twenty_rounds_lies_above_the_interval():
    # of 45 rounds, rank ceil(0.95 * 46) = 44: the second largest and smallest error
    fit = held_out((-0.4, -0.2, *STEADY[4:], 0.2, 0.3), *[STEADY] * 4)

    assert fit.heldout_measured_ms == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert fit.median_error == 0
    assert fit.interval == pytest.approx((0.2, 0.2))


def test_a_network_that_is_off_in_every_round_counts_as_one_of_its_kind():
    # 1 of 20 networks, though rank ceil(0.95 * 181) = 172 of 180 rounds has no error
    fit = held_out((*STEADY[5:], *(0.05,) * 5), *[STEADY] * 19)

    assert fit.interval == pytest.approx((0, 0.05))


@pytest.mark.parametrize(
    ("networks", "beyond"), [(2, 1 / 3), (12, 1 / 13), (19, 1 / 20), (50, 1 / 20)]
)
def test_beyond_an_end_lies_one_in_twenty_or_more_where_few_were_held_out(
    networks, beyond
):
    assert held_out(*[0.0] * networks).beyond == pytest.approx(beyond)


TRIALS = 5000
ERRORS = {
    "normal": lambda rng, shape: rng.normal(0, 0.01, shape),
    "skewed, as a device is slower more often": lambda rng, shape: (
        rng.lognormal(-5, 1, shape) - 0.005
    ),
    "heavy tails": lambda rng, shape: 0.01 * rng.standard_cauchy(shape),
    "one network in ten of another kind": lambda rng, shape: (
        rng.normal(0, 0.01, shape) + 0.2 * (rng.random(shape) < 0.1)
    ),
    # exchangeable, but not independent: what a calibration is off by is off in all
    "a shift that all networks share": lambda rng, shape: (
        rng.normal(0, 0.01, shape) + rng.normal(0, 0.05, (shape[0], 1))
    ),
}


def above(draw, networks):
    """Of fresh networks, one a calibration: the share above the upper end, of errors.

    Returns:
        The share, and its standard error were it the one that is stated.
    """
    errors = draw(np.random.default_rng(0), (TRIALS, networks + 1))
    ends = np.array([upper_end(row) for row in errors[:, :-1].tolist()])
    stated = held_out(*[0.0] * networks).beyond
    error = (stated * (1 - stated) / TRIALS) ** 0.5
    return float(np.mean(errors[:, -1] > ends)), error


@pytest.mark.parametrize("networks", [5, 12, 19, 24])
@pytest.mark.parametrize("kind", ERRORS)
def test_a_fresh_network_is_above_the_interval_as_often_as_stated(kind, networks):
    share, error = above(ERRORS[kind], networks)
    stated = held_out(*[0.0] * networks).beyond

    # of 24, rank ceil(0.95 * 25) = 24 leaves 1 in 25; of the others, what is stated
    expected = 1 / 25 if networks == 24 else stated
    assert share <= stated + 4 * error
    assert share == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize("kind", ERRORS)
def test_twelve_held_out_networks_do_not_keep_one_in_twenty(kind):
    share, error = above(ERRORS[kind], 12)

    assert share > 0.05 + 5 * error


def test_a_round_of_a_fresh_network_is_beyond_an_end_as_often_as_stated():
    rng, trials, rounds = np.random.default_rng(0), 1000, 9
    off = rng.normal(0, 0.01, (trials, 20, 1))  # 19 networks held out, and a fresh one
    errors = off + rng.lognormal(-5, 1, (trials, 20, rounds))
    ends = np.array([held_out(*of_one).interval for of_one in errors[:, :-1]])

    fresh = errors[:, -1, 0]
    error = (0.05 * 0.95 / trials) ** 0.5
    assert np.mean(fresh > ends[:, 1]) <= 0.05 + 3 * error
    assert np.mean(fresh < -ends[:, 0]) <= 0.05 + 3 * error


def test_nineteen_networks_are_held_out_where_enough_are_left_for_the_line():
    assert [fit_of(count, 12) for count in (40, 31, 30, 27)] == [12, 12, 11, 8]
    # a line needs networks too
    assert [fit_of(26, 12), fit_of(8, 4), fit_of(3, 1)] == [8, 4, 1]


PREDICTED = tuple(map(float, range(1, 20)))
ALIKE = tuple((1 + k % 3 / 100,) for k in range(19))  # 1 ms, whatever is predicted


@pytest.mark.parametrize(
    ("scale", "predicted", "rounds", "message"),
    [
        (0.0, PREDICTED, ALIKE, "a time or a scale of 0"),
        (0.02, PREDICTED, ALIKE, "scale is 0.02, which must be 0.1 or more"),
        (-1.0, PREDICTED, ALIKE, "scale is -1, which"),
        (1.0, (-2.0, *PREDICTED[1:]), ALIKE, "predicts -2 ms for a network"),
        (1.0, PREDICTED, ALIKE, "rank correlation .* is 0.03, which must be 0.5"),
        (1.0, (1.0,) * 19, ALIKE, "rank correlation of predicted and measured is 0.00"),
        (1.0, PREDICTED, tuple((20 - p,) for p in PREDICTED), "is -1.00"),
    ],
)
def test_a_calibration_that_predicts_nothing_is_refused(
    scale, predicted, rounds, message
):
    with pytest.raises(TableError, match=message) as refused:
        Calibration(0.5, scale, 12, predicted, rounds)

    assert "Measure again, while the device does nothing else" in str(refused.value)


def test_a_line_that_was_drawn_on_a_busy_machine_is_refused():
    rng = np.random.default_rng(0)
    pairs = [(total, (ms,)) for total, ms in rng.lognormal(0, 0.3, (31, 2)).tolist()]

    with pytest.raises(TableError, match=r"networks took .* to .* ms\. Measure"):
        calibration(pairs, 12)


def test_luck_seldom_passes_for_a_rank_correlation():
    # as the docstring of `require_sense` says: 1 in 63 of 19, 1 in 20 of 12
    rng = np.random.default_rng(0)
    for networks, share in ((19, 1 / 63), (12, 1 / 20)):
        order = np.arange(networks) - (networks - 1) / 2
        ranks = rng.permuted(np.tile(order, (TRIALS, 1)), axis=1)
        passed = np.mean(ranks @ order / (order @ order) >= 0.5)
        assert passed == pytest.approx(share, abs=4 * (share / TRIALS) ** 0.5)


def test_tables_that_are_shipped_and_those_of_tests_make_sense(pytestconfig):
    shipped = sorted((pytestconfig.rootpath / "tflite_tables/shipped").glob("*.json"))
    fits = [read_table(path).calibration for path in shipped]

    assert fits and min(fit.spearman for fit in (*fits, CALIBRATION)) > 0.9
