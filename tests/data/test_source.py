import pytest

from tfnas.data.load import load_source
from tfnas.data.source import NOT_LOADED, Source
from tfnas.search.settings import SearchConfig


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("also", [False, True])
def test_bad_images_are_left_out_where_they_were_or_where_it_is_asked(before, also):
    source = Source("pets", before, typed=True)

    assert source.skipping(also) == Source("pets", before or also, typed=True)


def test_data_knows_what_it_was_loaded_by(tiny_npz, tiny_data):
    source = Source(str(tiny_npz), skip_bad_images=True)

    assert load_source(source).source == source
    assert tiny_data.source == NOT_LOADED


def test_settings_name_their_source_as_one_thing():
    config = SearchConfig(data="project:pets", skip_bad_images=True)

    assert config.source == Source("project:pets", skip_bad_images=True, typed=True)
