import pytest
from stand_ins import TINY, damage, folder_of_images, stand_in_table

from tfnas.errors import DataError, SettingsError, TableError
from tfnas.latency.table_file import write_table
from tfnas.search.run import Run
from tfnas.workflow import Inputs, gather

SPACE = "input_shape = [8, 8, 1]\nnum_classes = 2\nnodes = 1\nchannels = 4\n"


@pytest.fixture
def pets(tmp_path):
    folder_of_images(tmp_path / "pets")
    return str(tmp_path / "pets")


@pytest.fixture
def space(tmp_path):
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path / "space.toml"


def test_the_default_space_gets_the_shape_and_classes_of_the_data(pets):
    task = gather(Inputs({"data": pets}))

    assert (task.space.input_shape, task.space.num_classes) == ((6, 5, 3), 2)
    assert task.table is None


def test_input_resizes_images_where_no_table_or_space_says_otherwise(pets):
    task = gather(Inputs({"data": pets}, input_shape=(9, 8, 1)))

    assert task.data.input_shape == task.space.input_shape == (9, 8, 1)


def test_input_replaces_the_one_of_a_space(pets, space):
    task = gather(Inputs({"data": pets}, space=space, input_shape=(9, 8, 1)))

    assert task.data.input_shape == task.space.input_shape == (9, 8, 1)
    assert task.space.channels == 4


def test_a_space_by_name_takes_the_classes_of_the_data(pets, tmp_path):
    task = gather(Inputs({"data": pets}, space="cell", input_shape=(9, 8, 1)))
    assert task.space.num_classes == 2

    write_table(tmp_path / "table.json", stand_in_table(task.space))
    again = gather(Inputs({"data": pets}, space="cell", table=tmp_path / "table.json"))
    assert again.space == again.table.space == task.space
    with pytest.raises(TableError, match="measured for another space"):
        gather(Inputs({"data": pets}, space="chain", table=tmp_path / "table.json"))


def test_a_table_says_what_images_are_resized_to(tmp_path, tiny_npz):
    write_table(tmp_path / "table.json", stand_in_table(TINY))
    folder_of_images(tmp_path / "pets", ("cat", "dog", "eel"))
    given = {"settings": {"data": str(tmp_path / "pets")}}

    for shape in (None, TINY.input_shape):
        task = gather(Inputs(**given, table=tmp_path / "table.json", input_shape=shape))
        assert task.data.input_shape == (8, 8, 1)
        assert task.table.space == task.space == TINY


def test_input_that_contradicts_the_table_is_refused(tmp_path, pets, space):
    write_table(tmp_path / "table.json", stand_in_table(TINY))
    table, shape = tmp_path / "table.json", (9, 8, 1)

    with pytest.raises(SettingsError, match=r"--input \(9, 8, 1\), but the table is"):
        gather(Inputs({"data": pets}, table=table, input_shape=shape))
    with pytest.raises(TableError):
        gather(Inputs({"data": pets}, table=table, space=space, input_shape=shape))


def test_input_cannot_resize_what_keeps_its_shape(tiny_npz):
    with pytest.raises(DataError, match=r"images of \(8, 8, 1\).* has \(9, 8, 1\)"):
        gather(Inputs({"data": str(tiny_npz)}, input_shape=(9, 8, 1)))


def test_what_is_skipped_is_a_setting_that_a_run_remembers(tmp_path, pets):
    damage(tmp_path / "pets" / "cat" / "3.png")
    with pytest.raises(DataError, match="1 of 10 images"):
        gather(Inputs({"data": pets}))

    task = gather(Inputs({"data": pets, "skip_bad_images": True}))
    Run(tmp_path / "run").create(task.config, stand_in_table(TINY))

    assert len(task.data.x_train) + len(task.data.x_test) == 9
    assert Run(tmp_path / "run").load_config().skip_bad_images
