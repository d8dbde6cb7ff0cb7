from pathlib import Path

import pytest
from commands import run, succeed

from tfnas.errors import TableError
from tfnas.latency import profile as profiling
from tfnas.latency.table_file import read_table


def test_a_profile_prints_one_document_about_its_table(main_job):
    profiled = main_job[1]

    assert profiled["table"] == "table.json"
    assert profiled["calibration_networks"] == profiled["heldout_networks"] == 5
    assert -1 <= profiled["heldout_spearman"] <= 1


def test_a_profile_takes_images_and_classes_and_replaces_when_told(inside, monkeypatch):
    monkeypatch.setattr(profiling, "FIT_NETWORKS", 2)
    monkeypatch.setattr(profiling, "HELDOUT_NETWORKS", 2)
    Path("old.json").write_text("an older table")
    shape = ("--space", "space.toml", "--input", "9x8x2", "--classes", 4)

    succeed("profile", *shape, "--output", "old.json", "--overwrite")

    table = read_table(Path("old.json"))
    assert (table.space.input_shape, table.space.num_classes) == ((9, 8, 2), 4)


def test_a_named_chain_says_where_a_small_image_is_not_halved(inside, monkeypatch):
    def enough(space, *_, **__):
        raise TableError(f"{space.kind} of {len(space.choices)} blocks")

    monkeypatch.setattr(profiling, "profile_to_file", enough)

    told = run(
        "profile", "--space", "mobilenet_v2", "--input", "28x28x1", "--classes", 2
    )

    assert told.stderr.splitlines() == [
        "Images of 28x28 are small for this chain: no halving at block 5, block 12",
        "Error: chain of 16 blocks",
    ]


def test_an_edge_tpu_that_is_missing_ends_with_code_2(inside):
    from tfnas.targets.edgetpu.edgetpu import EdgeTpu

    if not EdgeTpu.missing("edgetpu"):
        pytest.skip("this machine has the Edge TPU compiler and library")
    result = run("profile", "--target", "edgetpu")

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Target edgetpu is not usable here: ")
    assert result.stderr.count("\n") == 1
