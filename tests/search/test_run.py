import pytest
from searches import CONFIG
from stand_ins import TINY, stand_in_table

from tfnas.errors import RunError
from tfnas.search.run import Run, State, find_run, new_run
from tfnas.search.settings import SearchConfig


@pytest.mark.parametrize(("keep", "stay"), [(1, [(2, 3)]), (2, [(1, 0), (2, 3)])])
def test_as_many_checkpoints_stay_as_asked_for_and_none_of_a_lost_future(
    tmp_path, keep, stay
):
    run = Run(tmp_path)
    for place in [(0, 5), (1, 0), (2, 3), (3, 0)]:
        run.checkpoint(State(*place)).touch()

    run.save_state(State(2, 3), keep)

    kept = {run.checkpoint(State(*place)) for place in stay}
    assert set(tmp_path.glob("checkpoint-*")) == kept
    assert run.load_state() == State(2, 3)


def test_two_searches_never_write_into_one_run(tmp_path):
    run = Run(tmp_path / "run")

    with (
        run.locked(),
        pytest.raises(RunError, match="Another search is writing"),
        Run(tmp_path / "run").locked(),
    ):
        pass


def test_a_run_is_found_by_name_and_missing_ones_are_explained(tmp_path):
    for name in (None, "first"):
        with pytest.raises(
            RunError, match=r"No run in .* Make one with `tfnas search`"
        ):
            find_run(tmp_path, name)
    run = Run(tmp_path / "first")
    run.create(CONFIG, stand_in_table(TINY))

    assert find_run(tmp_path, None) == find_run(tmp_path, "first") == run
    assert run.load_config() == CONFIG
    with pytest.raises(RunError, match=r"No run 'frist'.*Did you mean 'first'"):
        find_run(tmp_path, "frist")
    with pytest.raises(RunError, match="has not finished its first epoch"):
        run.require_searched()


def test_a_run_of_another_version_is_refused(tmp_path):
    run = Run(tmp_path)
    run.settings.write_text("schema = 0\n")

    with pytest.raises(
        RunError, match=r"another version of tfnas \(schema 0, needed 10"
    ):
        run.load_config()


def test_a_search_does_not_go_on_with_other_images_and_readers_are_warned(
    tmp_path, capsys
):
    run = Run(tmp_path / "pets")
    run.create(CONFIG, stand_in_table(TINY), "1234abcd")

    run.check_images("1234abcd", goes_on=True)
    with pytest.raises(
        RunError, match=r"pets began with other images\. Give them back"
    ):
        run.check_images("12345678", goes_on=True)
    run.check_images("1234abcd")
    assert not capsys.readouterr().err
    run.check_images("12345678")
    assert (
        "Warning: these images are not those of the search" in capsys.readouterr().err
    )


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp", "..", "a/b"])
def test_a_new_run_stays_in_its_folder(tmp_path, name):
    with pytest.raises(RunError, match="a new run has a plain name"):
        new_run(tmp_path, name, "", overwrite=True)


def test_a_run_that_is_cleared_keeps_foreign_files_alone(tmp_path):
    run = Run(tmp_path)
    run.create(CONFIG, stand_in_table(TINY))
    run.checkpoint(State(1)).touch()
    run.save_state(State(1), keep=1)
    run.tensorboard.mkdir()
    (run.exports / "budget-1").mkdir(parents=True)
    (tmp_path / "notes.txt").touch()
    run.clear()

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"table.json", "notes.txt"}


def test_what_a_killed_search_had_half_written_is_removed_by_the_next(tmp_path):
    half_written = tmp_path / ".checkpoint-0001-000000.weights.h5.x1.weights.h5"
    half_written.touch()

    with Run(tmp_path).locked():
        assert not half_written.exists()


def test_new_runs_never_share_a_folder(tmp_path):
    first = new_run(tmp_path, None, "mnist-cpu")
    first.create(CONFIG, stand_in_table(TINY))

    assert new_run(tmp_path, None, "mnist-cpu").path.name == "mnist-cpu-2"
    with pytest.raises(RunError, match="Add --resume"):
        new_run(tmp_path, "mnist-cpu", "")


def test_a_run_is_named_after_its_data_and_device_in_one_folder(tmp_path):
    run = new_run(tmp_path, None, "my pets-ssh://pi@kitchen")

    assert run.path == tmp_path / "my-pets-ssh-pi@kitchen"


def test_a_run_of_before_there_was_a_setting_can_be_read(tmp_path):
    run = Run(tmp_path)
    run.create(SearchConfig(epochs=2), stand_in_table(TINY))
    text = run.settings.read_text()
    run.settings.write_text(text.replace("skip_bad_images = false\n", ""))

    assert run.settings.read_text() != text
    assert run.load_config() == SearchConfig(epochs=2)


def test_what_was_read_out_of_a_checkpoint_goes_with_the_next_one(tmp_path):
    run = Run(tmp_path)
    run.create(CONFIG, stand_in_table(TINY))
    run.save_state(State(2, 0), keep=1)
    family = run.family(stand_in_table(TINY))
    family.touch()

    run.save_state(State(3, 0), keep=1)
    assert not family.exists()
