from dataclasses import dataclass

import numpy as np
import pytest

from tfnas.errors import SettingsError
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.chain import ChainSpace
from tfnas.spaces.site import Slot
from tfnas.spaces.space import DEPLOYABLE, Space

CHAIN = ChainSpace(
    (16, 12, 3),
    num_classes=5,
    stem=8,
    stages=((8, 1, 1), (12, 2, 2)),
    ops=("skip", "ir_k3_e3", "conv_3x3"),
    groups=(("nothing", ("skip",)), ("something", ("ir_k3_e3", "conv_3x3"))),
    barred=((0, "conv_3x3"),),
)


@dataclass(frozen=True)
class Pair(Space):
    """Two slots of one choice, and one of another that changes its channels."""

    input_shape: tuple[int, int, int] = (8, 8, 4)
    num_classes: int = 3
    ops: tuple[str, ...] = ("max_pool_3x3", "conv_3x3")

    @property
    def choices(self):
        return ("same", "wider")

    @property
    def slots(self):
        return (
            Slot(0, "a", 8, 8, 4, 4),
            Slot(0, "b", 8, 8, 4, 4),
            Slot(1, "c", 8, 8, 4, 6),
        )

    def wire(self, image, fill, layers):
        x = image
        for slot in self.slots:
            x = fill(slot, x)
        return layers.Dense(self.num_classes)(layers.GlobalAveragePooling2D()(x))

    def skeleton(self):
        return self, ("max_pool_3x3", "conv_3x3")


def test_a_matrix_sums_what_a_choice_costs_at_its_slots_and_is_0_where_barred():
    costs = Pair().matrix(lambda site: 10.0 if site.op == "conv_3x3" else 1.0)

    # two slots of `same`; a pool keeps the channels and cannot stand at `wider`
    np.testing.assert_array_equal(costs, [[2.0, 20.0], [0.0, 10.0]])


def test_sites_that_no_op_may_take_are_not_measured():
    assert [str(site) for site in Pair().all_sites] == [
        "conv_3x3 8x8x4->4 /1",
        "conv_3x3 8x8x4->6 /1",
        "max_pool_3x3 8x8x4->4 /1",
    ]


def test_a_space_of_a_users_class_is_known_by_its_module():
    assert Pair.kind == f"{__name__}:Pair"
    assert Pair().to_dict()["kind"] == Pair.kind


@pytest.mark.parametrize("space", [CHAIN, CellSpace(nodes=2), Pair()])
def test_a_space_reads_back_equal(space):
    assert type(space).from_dict(space.to_dict()) == space


def test_groups_are_the_axes_of_a_budget():
    assert CHAIN.axes == ("nothing", "something")
    assert CHAIN.axis_of_ops == (0, 1, 1)


def test_groups_may_be_written_as_a_table():
    groups = {"nothing": ["skip"], "something": ["ir_k3_e3", "conv_3x3"]}

    assert CHAIN.changed(groups=()).from_dict({"groups": groups, "ops": CHAIN.ops})


@pytest.mark.parametrize(
    "groups",
    [
        (("a", ("skip",)),),
        (("a", ("skip", "ir_k3_e3")), ("b", ("ir_k3_e3", "conv_3x3"))),
        (("a", ("skip", "ir_k3_e3", "conv_3x3", "conv_1x1")),),
    ],
)
def test_groups_that_do_not_hold_every_op_once_are_refused(groups):
    with pytest.raises(SettingsError, match="must stand in one group"):
        CHAIN.changed(groups=groups)


def test_what_a_member_may_hold_once_converted_is_the_same_for_our_ops():
    assert CHAIN.tflite_ops == CellSpace().tflite_ops == DEPLOYABLE
