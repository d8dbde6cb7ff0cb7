import math

import pytest

from tfnas.errors import SearchError
from tfnas.search.loop import refuse_nan


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_with_its_name_and_place(value):
    with pytest.raises(SearchError, match=r"price became .* after epoch 3, step 7\."):
        refuse_nan({"loss": 1.0, "price": value}, "epoch 3, step 7")


def test_numbers_pass():
    refuse_nan({"loss": 0.0, "price": -1e30}, "epoch 1, step 0")
