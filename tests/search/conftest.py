import pytest
from searches import search_into

from tfnas.search.run import Run


@pytest.fixture(scope="session")
def left_alone(tmp_path_factory, tiny_data):
    run = Run(tmp_path_factory.mktemp("whole"))
    return run, search_into(run, tiny_data)
