import base64
import struct
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from stand_ins import damage, folder_of_images, png

from tfnas.data.load import load
from tfnas.errors import DataError

# One transparent pixel; TensorFlow has no encoder for it.
WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")


def test_a_folder_has_a_class_per_sub_folder(tmp_path):
    folder_of_images(tmp_path)

    data = load(str(tmp_path))

    assert data.classes == ("cat", "dog")
    assert data.input_shape == (6, 5, 3)
    assert (len(data.x_train), len(data.x_test)) == (8, 2)
    assert np.all((data.x_train[:, 0, 0, 0] >= 40) == (data.y_train == 1))


def test_a_folder_may_have_its_own_test_set_and_another_size(tmp_path):
    folder_of_images(tmp_path / "train", count=4)
    folder_of_images(tmp_path / "test", count=1)

    data = load(str(tmp_path), (12, 10, 1))

    assert data.x_train.shape == (8, 12, 10, 1)
    assert data.x_test.shape == (2, 12, 10, 1)


def test_all_damaged_images_are_counted_and_the_first_named_in_one_line(tmp_path):
    folder_of_images(tmp_path / "train", count=8)
    folder_of_images(tmp_path / "test", count=2)
    damage(*(tmp_path / "train" / "cat" / f"{i}.png" for i in range(5)))
    damage(tmp_path / "test" / "dog" / "1.png", tmp_path / "test" / "cat" / "a\nb.png")

    with pytest.raises(DataError) as caught:
        load(str(tmp_path))

    named = ", ".join(f"'train/cat/{i}.png'" for i in range(5))
    assert str(caught.value) == (
        f"7 of 21 images in {tmp_path} cannot be read: {named} and 2 more. Repair or "
        "remove them, or leave them out with --skip-bad-images."
    )


def test_a_name_that_breaks_lines_is_escaped(tmp_path):
    folder_of_images(tmp_path)
    damage(tmp_path / "cat" / "a\nb.png")

    with pytest.raises(DataError, match=r"'cat/a\\nb\.png'"):
        load(str(tmp_path))


def test_damaged_images_are_left_out_with_a_warning_when_told(tmp_path, capsys):
    folder_of_images(tmp_path)
    damage(tmp_path / "dog" / "1.png", tmp_path / "cat" / "0.png")  # the very first too

    data = load(str(tmp_path), skip_bad_images=True)

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Warning: 2 of 10 images in")
    assert line.endswith("are left out: 'cat/0.png', 'dog/1.png'")
    values = [*data.x_train[:, 0, 0, 0], *data.x_test[:, 0, 0, 0]]
    assert sorted(values) == [1, 2, 3, 4, 40, 42, 43, 44]
    assert data.input_shape == (6, 5, 3)


def test_nothing_is_said_of_images_that_can_be_read(tmp_path, capfd):
    folder_of_images(tmp_path)

    load(str(tmp_path), skip_bad_images=True)

    assert capfd.readouterr().err == ""


def test_libjpeg_does_not_add_its_own_complaints(tmp_path, capfd):
    folder_of_images(tmp_path)
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    torn = tf.io.encode_jpeg(noise).numpy()[:200]
    (tmp_path / "cat" / "torn.jpg").write_bytes(torn)

    load(str(tmp_path), skip_bad_images=True)

    assert len(capfd.readouterr().err.splitlines()) == 1


def test_a_file_that_cannot_be_opened_counts_as_damaged(tmp_path):
    folder_of_images(tmp_path)
    (tmp_path / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "dog" / "folder.png").mkdir()

    with pytest.raises(DataError, match=r"2 of 12 .*'cat/gone.png', 'dog/folder.png'"):
        load(str(tmp_path))


@pytest.mark.parametrize("skip", [False, True])
def test_a_class_of_damaged_images_alone_is_an_error_even_so(tmp_path, skip):
    folder_of_images(tmp_path, count=2)
    damage(tmp_path / "dog" / "0.png", tmp_path / "dog" / "1.png")
    message = "Class 'dog' has no images left in .*dog: none" if skip else "2 of 4"

    with pytest.raises(DataError, match=message):
        load(str(tmp_path), skip_bad_images=skip)


def test_a_class_without_images_is_named(tmp_path):
    folder_of_images(tmp_path)
    (tmp_path / "eel").mkdir()

    with pytest.raises(DataError, match="Class 'eel' has no images"):
        load(str(tmp_path))


def test_a_folder_with_half_of_a_split_is_refused(tmp_path):
    folder_of_images(tmp_path / "train")

    with pytest.raises(DataError, match="only one of the folders train and test"):
        load(str(tmp_path))


def test_a_folder_without_classes_is_refused(tmp_path):
    with pytest.raises(DataError, match="needs a sub-folder for each"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("test", "test has a class 'eel' that .*train has no images of"),
        ("train", "Class 'eel' has no images in .*test/eel"),
    ],
)
def test_train_and_test_have_the_same_classes(tmp_path, part, message):
    for name in ("train", "test"):
        extra = ("eel",) if name == part else ()
        folder_of_images(tmp_path / name, ("cat", "dog", *extra))

    with pytest.raises(DataError, match=message):
        load(str(tmp_path))


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    folder_of_images(tmp_path)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / "cat" / "._0.png").write_bytes(b"a resource fork of macOS")

    data = load(str(tmp_path))

    assert data.classes == ("cat", "dog")
    assert len(data.x_train) + len(data.x_test) == 10


def test_images_of_several_sizes_say_which_they_get(tmp_path, capsys):
    folder_of_images(tmp_path)
    (tmp_path / "dog" / "9.png").write_bytes(png(np.zeros((9, 9, 3), np.uint8)))

    data = load(str(tmp_path))
    said = capsys.readouterr().err
    load(str(tmp_path), (4, 4, 3))

    assert data.input_shape == (6, 5, 3)
    assert "have 2 sizes; all are resized to 6x5x3, that of the first. Choose" in said
    assert capsys.readouterr().err == ""


def bmp(image):
    """A 24-bit .bmp: rows from below, blue first, each padded to four bytes."""
    height, width, _ = image.shape
    rows = [row[:, ::-1].tobytes() for row in image[::-1]]
    body = b"".join(row + bytes(-len(row) % 4) for row in rows)
    head = struct.pack("<IHHI", 54 + len(body), 0, 0, 54)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(body), *[0] * 4)
    return b"BM" + head + info + body


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["png", "rgba.png", "bmp", "grey.png", "webp"])
def test_any_kind_of_image_gives_grey_and_colour(tmp_path, kind, channels):
    folder_of_images(tmp_path)
    image = np.full((6, 5, 3), 100, np.uint8)
    content = {
        "png": png(image),
        "rgba.png": png(np.concatenate([image, image[..., :1] * 0], -1)),
        "grey.png": png(np.concatenate([image[..., :1], image[..., :1] * 0], -1)),
        "bmp": bmp(image),
        "webp": WEBP,
    }[kind]
    for index in range(5):
        (tmp_path / "cat" / f"{index}.png").unlink()
        (tmp_path / "cat" / f"{index}.{kind}").write_bytes(content)

    data = load(str(tmp_path), (6, 5, channels))

    assert data.input_shape == (6, 5, channels)
    if kind != "webp":
        assert np.all(data.x_train[data.y_train == 0] == 100)


@pytest.mark.parametrize(("channels", "found"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_the_first_image_says_whether_all_are_grey_or_colour(tmp_path, channels, found):
    folder_of_images(tmp_path)
    first = png(np.zeros((6, 5, channels), np.uint8))
    (tmp_path / "cat" / "0.png").write_bytes(first)

    assert load(str(tmp_path)).input_shape == (6, 5, found)


def test_the_current_folder_has_a_name(tmp_path, monkeypatch):
    folder_of_images(tmp_path / "pets")
    monkeypatch.chdir(tmp_path / "pets")

    assert load(".").name == "pets"
    assert load(str(Path("..") / "pets")).name == "pets"


def test_a_big_folder_shows_progress(tmp_path, monkeypatch, capsys):
    folder_of_images(tmp_path)
    shown = []

    class Line:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            shown.append("done")

        def update(self):
            shown.append(1)

    def bar(total, title, delay_s):
        shown.append((total, title, delay_s))
        return Line()

    monkeypatch.setattr("tfnas.data.folder.bar", bar)
    load(str(tmp_path))

    assert shown == [(10, f"Read {tmp_path}", 2), *[1] * 10, "done"]
