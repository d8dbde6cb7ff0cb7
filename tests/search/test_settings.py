import numpy as np
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
        ({"sampler": ""}, "Unknown sampler ''. Known: gumbel, dirichlet, fixed"),
        ({"tau": 0}, r"tau must be from 0\.01, got 0"),
        ({"least_strength": 0}, "least_strength must be from 1e-06, got 0"),
        ({"least_strength": 2.0}, "Strengths of 2 to 100 leave out 1"),
        ({"warmup": 2}, "warmup must be from 0 to 1, got 2"),
        ({"end_temperature": 0}, r"end_temperature must be from 0\.01, got 0"),
        ({"epochs": 0}, "epochs must be from 1, got 0"),
        ({"order": 3}, "order must be from 1 to 2, got 3"),
        ({"order": 2}, "order 2 needs mode soft"),
        (
            {"order": 2, "mode": "soft", "precision": "mixed_bfloat16"},
            "order 2 needs precision float32",
        ),
    ],
)
def test_a_search_that_could_not_run_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        SearchConfig.from_dict(values)


def test_a_strength_and_its_level_are_one_number_on_two_scales():
    config = SearchConfig()  # strengths 0.01 to 100

    assert [config.level(r) for r in (0.01, 1, 100)] == pytest.approx([-1, 0, 1])
    np.testing.assert_allclose(
        config.strength(np.array([-1, 1 / 3])), [0.01, 0.01 * 10_000 ** (2 / 3)]
    )
    other = SearchConfig(least_strength=0.3, most_strength=20.0)
    for level in (-0.9, 0.0, 0.4):
        assert other.level(other.strength(level)) == pytest.approx(level)


@pytest.mark.parametrize(("least", "most"), [(0.1, 10.0), (0.3, 7.0), (0.1, 2.0)])
def test_the_least_and_the_most_strength_are_within_what_was_searched(least, most):
    config = SearchConfig(least_strength=least, most_strength=most)

    for level in (-1.0, 1.0):
        assert config.level(config.strength(level)) == pytest.approx(level)


def test_where_one_strength_was_searched_it_is_the_only_one():
    config = SearchConfig(least_strength=1.0, most_strength=1.0)

    assert config.level(1.0) == 0 and config.strength(0.7) == 1


@pytest.mark.parametrize("strength", [0.009, 101, 0, -1, float("nan")])
def test_a_strength_that_was_not_searched_is_refused(strength):
    with pytest.raises(SettingsError, match=f"{strength}: take one of the 0.01 to"):
        SearchConfig().level(strength)


def test_draws_are_around_the_focus_or_the_uniform_point():
    axes = ("pool", "skip", "conv")

    assert SearchConfig().focus_point(axes) == (1 / 3,) * 3
    named = SearchConfig(focus="conv=0.5").focus_point(axes)
    assert named == pytest.approx((0.25, 0.25, 0.5))
    with pytest.raises(SettingsError, match=r"sums to 1\.5"):
        SearchConfig(focus="0.5,0.5,0.5").focus_point(axes)


@pytest.mark.parametrize(
    ("warmup", "steps", "epochs"), [(0.0, 0, 0), (0.34, 3, 1), (0.5, 5, 1), (1, 10, 2)]
)
def test_the_warm_up_is_a_share_of_all_steps(warmup, steps, epochs):
    config = SearchConfig(epochs=2, warmup=warmup)

    assert config.warmup_steps(5) == steps
    assert config.rest_epochs == epochs  # those that begin within it
