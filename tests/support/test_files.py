import pytest

from tfnas.errors import TfnasError
from tfnas.support.files import refuse_overwrite, replace_file, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(TfnasError, match=r"Cannot write .*a\.txt: No space left"):
        replace_file(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_exists_is_not_overwritten_without_being_told(tmp_path):
    path = tmp_path / "a.txt"
    refuse_overwrite(path, False)
    write_text(path, "old")

    with pytest.raises(TfnasError, match=r"a\.txt exists. Add --overwrite"):
        refuse_overwrite(path, False)
    refuse_overwrite(path, True)


def test_nan_never_reaches_a_json_file(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"accuracy": float("nan")})
    assert not (tmp_path / "a.json").exists()
