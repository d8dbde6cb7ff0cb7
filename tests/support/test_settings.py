import pytest

from tfnas.deploy.settings import TrainConfig
from tfnas.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", r"c\.toml: Unknown setting 'epoch'. Did you mean 'epochs'"),
        ("epochs = 1.5", "Setting epochs must be int, got 1.5"),
        ("epochs = true", "Setting epochs must be int, got True"),
        ("lr = -0.1", "lr must be from 0, got -0.1"),
        ("lr = nan", "lr must be from 0, got nan"),
        ("batch_size = 0", "batch_size must be from 1, got 0"),
        ("epochs", r"c\.toml is no TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)

    with pytest.raises(SettingsError, match=message):
        TrainConfig.load(tmp_path / "c.toml")


def test_a_whole_number_may_stand_for_a_float():
    assert TrainConfig.from_dict({"lr": 1}).lr == 1
