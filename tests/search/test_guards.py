import math

import pytest

from tfnas.errors import SearchError
from tfnas.search.loop import refuse_nan
from tfnas.search.stage import collapse_warning, out_of_patience


@pytest.mark.parametrize("op", ["skip_connect", "max_pool_3x3", "none"])
def test_a_light_op_that_takes_most_choices_is_warned_of(op):
    warning = collapse_warning({op: 0.9, "sep_conv_3x3": 0.1})

    assert warning is not None
    assert warning.startswith(f"{op} have 90% of the choices at equal prices")


def test_identities_and_pools_count_together():
    warning = collapse_warning({"max_pool_3x3": 0.5, "skip_connect": 0.5})

    assert warning is not None
    assert warning.startswith("max_pool_3x3 and skip_connect have 100% of the choices")


def test_convolutions_everywhere_are_no_collapse_nor_is_a_mixture():
    assert collapse_warning({"skip_connect": 0.0, "sep_conv_3x3": 1.0}) is None
    assert collapse_warning({"skip_connect": 0.7, "sep_conv_3x3": 0.3}) is None


@pytest.mark.parametrize(
    ("scores", "patience", "ends"),
    [
        ([], 1, False),
        ([0.5], 1, False),
        ([0.5, 0.4], 1, True),
        ([0.5, 0.4], 2, False),
        ([0.5, 0.5, 0.5], 2, True),  # as good is not better
        ([0.5, 0.4, 0.6], 2, False),
        ([0.5, 0.4, 0.3, 0.2], 0, False),  # 0 waits forever
    ],
)
def test_patience_counts_the_epochs_since_the_best(scores, patience, ends):
    assert out_of_patience(scores, patience) is ends


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_with_its_name_and_place(value):
    with pytest.raises(SearchError, match=r"price became .* after epoch 3, step 7\."):
        refuse_nan({"loss": 1.0, "price": value}, "epoch 3, step 7")


def test_numbers_pass():
    refuse_nan({"loss": 0.0, "price": -1e30}, "epoch 1, step 0")
