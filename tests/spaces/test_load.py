import json

import pytest

from tfnas.errors import SettingsError
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.chain import ChainSpace
from tfnas.spaces.load import read_space, space_of


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


@pytest.mark.parametrize("space", [CellSpace(nodes=2), ChainSpace(stem=4)])
def test_plain_values_give_the_space_that_wrote_them(space):
    assert space_of(json.loads(json.dumps(space.to_dict()))) == space


def test_a_chain_is_read_from_toml_and_by_its_kind(tmp_path):
    path = tmp_path / "chain.toml"
    path.write_text(
        """
        kind = "chain"
        stages = [[8, 1, 1], [16, 2, 2]]
        ops = ["skip", "conv_3x3", "ir_k3_e3"]
        barred = [[0, "conv_3x3"]]
        [groups]
        skip = ["skip"]
        dense = ["conv_3x3"]
        depthwise = ["ir_k3_e3"]
        """
    )

    chain = read_space(str(path), num_classes=7)

    assert chain.stages == ((8, 1, 1), (16, 2, 2))
    assert chain.axes == ("skip", "dense", "depthwise")
    assert chain.barred == ((0, "conv_3x3"),)
    assert chain.num_classes == 7
    assert read_space("chain") == ChainSpace()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "tree"}, "Unknown space 'tree'. "),
        ({"kind": "own:Space"}, "own:Space names a module, which is not imported"),
        ({"ops": ["skip", "own:OP"]}, "own:OP names a module, which is not imported"),
    ],
)
def test_a_file_that_travels_names_no_module(values, message):
    with pytest.raises(SettingsError, match=message):
        space_of(values)
