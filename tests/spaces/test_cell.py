import json

import pytest

from tfnas.errors import SettingsError
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace, Choice
from tfnas.spaces.load import read_space
from tfnas.spaces.site import Site

POOL, SKIP, CONV = range(3)
WITH_NONE = CellSpace(nodes=2, ops=("none", "skip_connect", "sep_conv_3x3"))


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
    choice = Choice("reduction", source=1, node=2)

    assert CellSpace().sites(choice, "sep_conv_3x3") == (
        Site("sep_conv_3x3", 28, 28, 32, 32, 2),
        Site("sep_conv_3x3", 14, 14, 64, 64, 2),
    )


def test_edges_between_nodes_of_a_reduction_cell_see_the_halved_map():
    choice = Choice("reduction", source=2, node=3)

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
        ({"chanels": 8}, "Unknown key of a space: Did you mean 'channels'"),
        ({"kind": "tree"}, "Unknown kind of space 'tree'. Known: cell"),
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


def test_a_space_file_is_toml_or_json(tmp_path):
    (tmp_path / "space.toml").write_text("channels = 8\nnodes = 2\n")
    (tmp_path / "space.json").write_text('{"channels": 8, "nodes": 2}')

    from_toml = read_space(tmp_path / "space.toml", num_classes=5)

    assert from_toml == CellSpace(channels=8, nodes=2, num_classes=5)
    assert read_space(tmp_path / "space.json", num_classes=5) == from_toml


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("space.toml", "channels =", "neither TOML nor JSON"),
        ("space.json", "[1]", "holds no keys of a space"),
        ("space.toml", None, "Cannot read"),
    ],
)
def test_a_space_file_that_cannot_be_read_is_named(tmp_path, name, text, message):
    path = tmp_path / name
    if text:
        path.write_text(text)

    with pytest.raises(SettingsError, match=message):
        read_space(path)


def test_an_architecture_reads_back_equal_and_names_its_ops():
    space = CellSpace(nodes=1)
    architecture = Architecture(space, (POOL, SKIP, CONV, CONV))

    values = json.loads(json.dumps(architecture.to_dict()))

    assert values["ops"]["reduction 1->2"] == "sep_conv_3x3"
    assert Architecture.from_dict(values) == architecture
    assert architecture.op_counts == {
        "max_pool_3x3": 1,
        "skip_connect": 1,
        "sep_conv_3x3": 2,
    }


@pytest.mark.parametrize("indices", [(0,) * 27, (3,) * 28, (-1,) * 28])
def test_indices_that_do_not_fit_the_space_are_refused(indices):
    with pytest.raises(SettingsError, match=r"op index must be|has 28 ops"):
        Architecture(CellSpace(), indices)


def test_equal_pools_of_one_state_run_once_and_convolutions_each():
    pools = Architecture(CellSpace(), (POOL,) * 28)
    convolutions = Architecture(CellSpace(), (CONV,) * 28)

    # a cell has 14 edges but only 5 states that edges start from
    assert len(pools.sites) == 3 * 5
    assert len(convolutions.sites) == 3 * 14


def test_edges_from_a_dead_node_do_not_run():
    # normal cell: node 2 gets nothing; node 3 a convolution from input 0 and an
    # identity from node 2, which carries nothing
    normal, reduction = (0, 0, 2, 0, 1), (1, 1, 1, 1, 1)
    architecture = Architecture(WITH_NONE, normal + reduction)

    assert architecture.live_nodes("normal") == (3,)
    assert [str(site) for site in architecture.sites][:1] == [
        "sep_conv_3x3 28x28x16->16 /1"
    ]
    assert len(architecture.sites) == 1 + 2 * 5


def test_a_cell_without_a_live_path_is_refused_with_a_sentence():
    with pytest.raises(SettingsError, match="No path leads through the normal cell"):
        Architecture(WITH_NONE, (0, 0, 0, 0, 1) + (1,) * 5)
