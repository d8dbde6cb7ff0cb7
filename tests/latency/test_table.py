import pytest
from stand_ins import TINY, stand_in_table

from tfnas.errors import TableError
from tfnas.latency.row import Row
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.targets.measurement import UNUSABLE


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


def test_a_table_of_another_space_is_refused():
    with pytest.raises(TableError, match="measured for another space"):
        stand_in_table(TINY).require(CellSpace())
