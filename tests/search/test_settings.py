import pytest

from tfnas.errors import SettingsError
from tfnas.search.settings import SearchConfig


def test_settings_read_back_equal(tmp_path):
    config = SearchConfig(epochs=3, weight_lr=0.5, mode="soft", data="my images")
    (tmp_path / "c.toml").write_text(config.dumps())

    assert SearchConfig.load(tmp_path / "c.toml") == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mode": "sofft"}, "Unknown mode 'sofft'. Did you mean 'soft'"),
        ({"hypernetwork": "mpl"}, "Unknown hypernetwork 'mpl'. Did you mean 'mlp'"),
        ({"sampler": ""}, "Unknown sampler ''. Known: gumbel, dirichlet"),
        ({"warmup": 2}, "warmup must be from 0 to 1, got 2"),
        ({"end_temperature": 0}, r"end_temperature must be from 0\.01, got 0"),
        ({"epochs": 0}, "epochs must be from 1, got 0"),
        ({"order": 3}, "order must be from 1 to 2, got 3"),
        (
            {"order": 2, "precision": "mixed_bfloat16"},
            "order 2 needs precision float32",
        ),
    ],
)
def test_a_search_that_could_not_run_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        SearchConfig.from_dict(values)
