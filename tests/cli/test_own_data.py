"""A user's own images through profile, search and export, on the command line."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from stand_ins import damage, steady_cpu

from tfnas.cli.main import main
from tfnas.latency import profile as profiling
from tfnas.latency.table_file import read_table

CLASSES = [f"icon {number}" for number in range(12)]
SPACE = ("--space", "space.toml")
FUNCTION = """
import tensorflow as tf
from tfnas.data.folder import read_folder
from pathlib import Path

def icons():
    data = read_folder(Path("icons"), skip_bad_images=True)
    pairs = [(data.x_train, data.y_train), (data.x_test, data.y_test)]
    return *map(tf.data.Dataset.from_tensor_slices, pairs), data.classes
"""


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def succeed(*args):
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result


def icons(root):
    """Twelve classes of ten small .png files: as many noises, each a little changed."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        icon = rng.integers(0, 200, (12, 10, 3))
        for index in range(10):
            image = (icon + rng.integers(0, 56, icon.shape)).astype(np.uint8)
            content = tf.io.encode_png(image).numpy()
            (root / name / f"{index}.png").write_bytes(content)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder where icons went all the way, though one of them is damaged."""
    folder = tmp_path_factory.mktemp("work")
    icons(folder / "icons")
    damage(folder / "icons" / "icon 7" / "3.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        steady_cpu(patch)
        patch.setattr(profiling, "FIT_NETWORKS", 2)
        patch.setattr(profiling, "HELDOUT_NETWORKS", 2)
        Path("space.toml").write_text("nodes = 1\ncells = 3\nchannels = 4\n")
        shown = ("--data", "icons", "--skip-bad-images", "--output", "table.json")
        succeed("profile", *SPACE, *shown, "--runs", 2, "--warmup", 1)
        search = ("search", "--data", "icons", "--table", "table.json", "--epochs", 1)
        searched = succeed(*search, "--batch-size", 16, "--skip-bad-images", "--json")
        export = ("export", "--budget", "0.3,0.5,0.2", "--epochs", 1)
        exported = succeed(*export, "--quantize", "int8", "--batch-size", 16, "--json")
        yield folder, searched, exported


@pytest.fixture
def inside(work, monkeypatch):
    monkeypatch.chdir(work[0])
    return work


def test_twelve_classes_of_png_files_become_a_model_with_their_names(work):
    folder, searched, exported = work
    (card,) = json.loads(exported.stdout)

    assert json.loads(searched.stdout)["run"] == "runs/icons-cpu"
    assert card["test_images"] == math.ceil((120 - 1) / 5)
    assert card["skipped_images"] == 1
    labels = (folder / card["folder"] / "labels.txt").read_text().splitlines()
    assert labels == sorted(CLASSES)


def test_a_profile_has_the_shape_and_the_classes_of_the_images(work):
    space = read_table(work[0] / "table.json").space

    assert (space.input_shape, space.num_classes) == ((12, 10, 3), 12)


def test_a_benchmark_leaves_damaged_images_out_when_told(inside):
    (card,) = json.loads(inside[2].stdout)
    model = f"{card['folder']}/{card['file']}"
    asked = ("benchmark", model, "--data", "icons", "--runs", 2, "--warmup", 1)

    refused = run(*asked)
    (row,) = json.loads(succeed(*asked, "--skip-bad-images", "--json").stdout)

    assert refused.exit_code == 2
    assert "1 of 120 images in icons cannot be read" in refused.stderr
    assert row["accuracy"] == card["int8_accuracy"]


def test_classes_are_told_once():
    refused = run("profile", "--data", "icons", "--classes", 3)

    assert refused.exit_code == 2
    assert "--data tells the number of classes: leave out" in refused.stderr


def test_the_damaged_image_was_named_by_search_and_export(work):
    for result in work[1:]:
        warned = [line for line in result.stderr.splitlines() if "Warning: 1" in line]
        assert warned == [
            "Warning: 1 of 120 images in icons cannot be read and are left out: "
            "'icon 7/3.png'"
        ]


def test_an_export_of_a_damaged_folder_can_be_checked_again(inside):
    (card,) = json.loads(inside[2].stdout)
    checked = json.loads(succeed("validate", card["folder"], "--json").stdout)

    assert card["skip_bad_images"]
    assert checked["differs"] == {}


def test_the_exports_script_classifies_where_tfnas_is_not(work, tmp_path):
    folder, _, exported = work
    (card,) = json.loads(exported.stdout)
    np.save(tmp_path / "a.npy", np.zeros((24, 20, 3), np.uint8))  # twice as large

    script = folder / card["folder"] / "infer.py"
    command = [sys.executable, "-I", str(script), str(tmp_path / "a.npy")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    _, label, chance = done.stdout.rstrip("\n").split("\t")
    assert label in CLASSES
    assert 1 / 12 < float(chance) <= 1


def test_a_run_goes_on_with_what_it_skipped(inside):
    resumed = succeed("search", "--resume", "--run", "icons-cpu")

    assert "Warning: 1 of 120 images" in resumed.stderr


def test_a_search_does_not_go_on_with_an_image_more_and_an_export_says_so(inside):
    more = Path("icons/icon 3/more.png")
    more.write_bytes(Path("icons/icon 3/0.png").read_bytes())
    asked = ("export", "--budget", "0.2,0.5,0.3", "--epochs", 0, "--quantize", "int8")
    try:
        refused = run("search", "--resume", "--run", "icons-cpu")
        exported = succeed(*asked)
    finally:
        more.unlink()

    assert refused.exit_code == 2
    assert "icons-cpu began with other images" in refused.stderr
    assert "Warning: these images are not those of the search" in exported.stderr


def test_another_damaged_folder_is_exported_when_told(inside):
    export = ("export", "--budget", "0.5,0.3,0.2", "--data", "icons", "--epochs", 0)

    refused = run(*export, "--quantize", "int8")
    succeed(*export, "--quantize", "int8", "--skip-bad-images")

    assert refused.exit_code == 2
    assert "1 of 120 images in icons cannot be read: 'icon 7/3" in refused.stderr


def test_a_function_of_the_folder_gives_the_data_and_the_run_its_name(
    inside, monkeypatch
):
    searched = []
    monkeypatch.setattr("tfnas.workflow.run_search", lambda *a, **_: searched.append(a))
    Path("project.py").write_text(FUNCTION)

    done = succeed("search", "--data", "project:icons", "--table", "table.json")

    ((_, _, data, run),) = searched
    assert done.stdout.endswith("runs/project-icons-cpu\n")
    assert run.path.name == "project-icons-cpu"
    assert data.classes == tuple(sorted(CLASSES))
    assert len(data.x_train) + len(data.x_test) == 119


TABLE = ("--table", "table.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--data", "icons"),
            "1 of 120 images in icons cannot be read: 'icon 7/3.png'",
        ),
        (("--data", "icons", *TABLE), "leave them out with --skip-bad-images"),
        (("--input", "12x10"), "--input 12x10: write height x width x channels"),
        (("--input", "0x10x3"), "--input 0x10x3: every number must be 1 or more"),
        (("--input", "9x9x3", *TABLE), "the table is for images of (12, 10, 3)"),
        (("--resume", "--input", "9x9x3"), "leave out input"),
        (("--resume", "--skip-bad-images"), "leave out skip_bad_images"),
        (("--data", "nowhere:icons"), "cannot import nowhere from"),
        (("--data", "C:icons"), "No dataset, folder or .npz file 'C:icons'"),
    ],
)
def test_a_users_error_is_one_line(inside, options, message):
    result = run("search", *options)

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
