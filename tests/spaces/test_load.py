import json

import keras
import numpy as np
import pytest

from tfnas.errors import SettingsError
from tfnas.networks.build import build
from tfnas.networks.counts import count_params
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.chain import ChainSpace
from tfnas.spaces.load import PRESETS, read_space, space_of

NAMES = sorted(path.stem for path in PRESETS.glob("*.toml"))


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
    ("shape", "name"),
    [
        (None, "micro"),
        ((64, 96, 3), "micro"),
        ((49, 9, 1), "micro"),
        ((8, 8, 1), "micro"),
        ((96, 65, 3), "lite"),
    ],
)
def test_the_space_that_nobody_names_follows_from_the_size_of_images(shape, name):
    assert read_space(None, input_shape=shape) == read_space(name, input_shape=shape)


@pytest.mark.parametrize("shape", [(20, 20, 3), (28, 28, 1), (49, 9, 1), (64, 64, 3)])
def test_micro_takes_images_of_20_to_64_pixels(shape):
    micro = read_space("micro", input_shape=shape, num_classes=12)

    stem, *blocks = micro.slots
    assert (stem.stride, stem.in_channels) == (4, shape[2])
    assert min(blocks[-1].output_shape[:2]) >= 3
    assert micro.axes == ("skip", "depthwise", "dense")
    # each op wherever it may stand, beside the first that may elsewhere
    for op in range(len(micro.ops)):
        fits = micro.allowed[:, op]
        ops = [
            micro.ops[op if fit else row.argmax()]
            for fit, row in zip(fits, micro.allowed, strict=True)
        ]
        member = Architecture.of_ops(micro, ops)
        assert build(member).output_shape == (None, 12)


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


@pytest.mark.parametrize("width", [0.35, 0.5, 1.0])
def test_the_widest_3x3_member_of_mobilenet_v2_has_the_parameters_of_keras_own(width):
    space = read_space("mobilenet_v2", num_classes=1000).changed(width=width)
    member = Architecture.of_ops(space, ("ir_k3_e6",) * len(space.choices))

    published = keras.applications.MobileNetV2((96, 96, 3), width, weights=None)

    weights = published.trainable_weights
    assert count_params(member) == sum(int(np.prod(w.shape)) for w in weights)


def test_a_member_of_lite_is_efficientnet_lite0():
    space = read_space("lite", input_shape=(224, 224, 3), num_classes=1000)
    of_stages = ((3, 2), (5, 2), (3, 3), (5, 3), (5, 4), (3, 1))
    ops = tuple(f"ir_k{size}_e6" for size, blocks in of_stages for _ in range(blocks))

    member = Architecture.of_ops(space, ops)

    assert count_params(member) == 4_652_008  # published as 4.7 million


@pytest.mark.parametrize(
    ("name", "choices", "members"),
    [
        # of blocks that may be empty, and of others
        ("mobilenet_v2", 16, 5**10 * 4**6),
        ("lite", 15, 5**9 * 4**6),
        ("proxyless", 21, 7**15 * 6**6),
        ("fbnet", 22, 7**16 * 6**6),
    ],
)
def test_a_preset_has_as_many_members_as_its_paper_says(name, choices, members):
    space = read_space(name)

    assert len(space.choices) == choices
    assert np.prod(space.allowed.sum(axis=1), dtype=object) == members


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sides", [(20, 20), (49, 10), (96, 64), (224, 224)])
def test_a_preset_takes_any_image_and_prices_three_groups(name, sides):
    space = read_space(name, input_shape=(*sides, 3), num_classes=2)

    assert len(space.axes) == 3
    assert min(space.slots[-1].output_shape[:2]) >= 3


def test_a_file_of_the_same_name_comes_before_a_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lite").write_text("nodes = 2")

    assert read_space("lite").kind == "cell"
    with pytest.raises(SettingsError, match="Unknown space"):
        read_space("../presets/lite")


def test_a_name_that_nothing_has_is_answered_with_what_there_is():
    with pytest.raises(SettingsError, match="Did you mean 'mobilenet_v2'"):
        read_space("mobilnet_v2")
