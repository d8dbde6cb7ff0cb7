import pytest
from stand_ins import TAKEN, TINY, stand_in_table

from tfnas.deploy.export import export_member
from tfnas.deploy.settings import TrainConfig
from tfnas.search.run import Run, State
from tfnas.search.settings import SearchConfig


@pytest.fixture(scope="session")
def exported(tmp_path_factory, tiny_data):
    run = Run(tmp_path_factory.mktemp("run"))
    run.create(SearchConfig(), stand_in_table(TINY))
    run.save_state(State(2, search_seconds=12.5), keep=1)
    config = TrainConfig(epochs=6, batch_size=16)
    card = export_member(TAKEN, tiny_data, config, run)
    return run, config, card
