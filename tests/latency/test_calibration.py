import pytest

from tfnas.errors import TableError
from tfnas.latency.calibration import Calibration, calibrate, spearman


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
