import json

import pytest

from tfnas.errors import SettingsError
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.site import Site


def test_the_default_space_is_the_papers():
    space = CellSpace()

    cells = [(c.kind, c.height, c.channels, c.halve_first) for c in space.stack]
    assert cells == [
        ("normal", 28, 16, False),
        ("reduction", 28, 32, False),
        ("reduction", 14, 64, True),
    ]
    assert len(space.choices) == 28


def test_a_distinct_site_is_listed_once():
    # five places (16, 32 halved, 32, 64 halved, 64 channels) for each of three ops,
    # and a sum at three sizes
    assert len(CellSpace().all_sites) == 5 * 3 + 3


def test_edges_from_the_inputs_of_a_reduction_cell_halve():
    choice = CellSpace().choices.index("reduction 1->2")

    assert CellSpace().sites(choice, "sep_conv_3x3") == (
        Site("sep_conv_3x3", 28, 28, 32, 32, 2),
        Site("sep_conv_3x3", 14, 14, 64, 64, 2),
    )


def test_edges_between_nodes_of_a_reduction_cell_see_the_halved_map():
    choice = CellSpace().choices.index("reduction 2->3")

    assert CellSpace((29, 28, 1)).sites(choice, "skip_connect")[0] == Site(
        "skip_connect", 15, 14, 32, 32, 1
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cells": 0}, "cells of a space must be a whole number from 1, got 0"),
        ({"channels": 16.5}, "channels of a space must be a whole number"),
        ({"nodes": True}, "nodes of a space must be a whole number"),
        ({"input_shape": 28}, "input_shape of a space must be a list"),
        ({"input_shape": [28, 28, 0.5]}, "input_shape is height, width, channels"),
        ({"ops": ["sep_conv_3x3", "sepconv"]}, "Unknown op 'sepconv'. Did you mean"),
        ({"ops": ["none", "none"]}, "at least two ops and each once"),
        ({"ops": ["none"]}, "at least two ops and each once"),
        ({"input_shape": [28, 28]}, "input_shape is height, width, channels"),
        ({"chanels": 8}, r"Unknown key 'chanels'\. Did you mean 'channels'"),
        ({"nodes": "four"}, "nodes of a space must be a whole number from 1"),
    ],
)
def test_a_space_that_cannot_be_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        CellSpace.from_dict(values)


def test_a_space_reads_back_equal_with_no_argument_at_its_default():
    space = CellSpace((9, 8, 3), 7, 5, 3, 8, ("none", "conv_1x1"))

    values = json.loads(json.dumps(space.to_dict()))

    assert CellSpace.from_dict(values) == space
    assert space.fingerprint == CellSpace.from_dict(values).fingerprint
    assert space.fingerprint != CellSpace().fingerprint


def test_nodes_of_every_cell_are_sums():
    assert [str(site) for site in CellSpace().joins()] == [
        "add 28x28x16->16 /1",
        "add 14x14x32->32 /1",
        "add 7x7x64->64 /1",
    ]


def test_edges_of_one_state_of_a_kind_of_cell_are_worth_changing_together():
    space = CellSpace(nodes=2)  # 0->2, 1->2, 0->3, 1->3, 2->3 in each kind

    assert space.together() == ((0, 2), (1, 3), (4,), (5, 7), (6, 8), (9,))


def test_every_op_of_a_cell_is_an_axis_of_its_own():
    assert CellSpace().axes == CellSpace().ops
    assert CellSpace().axis_of_ops is None
