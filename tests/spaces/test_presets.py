"""Presets beside what was published of their networks."""

import keras
import numpy as np
import pytest

from tfnas.errors import SettingsError
from tfnas.networks.build import build
from tfnas.networks.counts import count_macs, count_params
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.load import PRESETS, read_space

NAMES = sorted(path.stem for path in PRESETS.glob("*.toml"))


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

    # 4.7 million parameters and 407 million multiply-accumulates are published
    assert count_params(member) == 4_652_008
    assert count_macs(build(member)) == pytest.approx(385e6, rel=0.01)


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
