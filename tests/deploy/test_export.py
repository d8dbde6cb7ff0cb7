import json
from dataclasses import replace
from pathlib import Path

import keras
import pytest
from stand_ins import TAKEN, TINY, Killed, limited, stand_in_table

from tfnas.data.batches import in_order
from tfnas.deploy.export import export_member
from tfnas.deploy.settings import TrainConfig
from tfnas.errors import LimitError, TfnasError
from tfnas.networks.evaluate import accuracy
from tfnas.search.run import Run
from tfnas.search.settings import SearchConfig
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.space import DEPLOYABLE
from tfnas.tflite.graph import check_int8

CARD_FIELDS = """budget strength limits architecture op_counts params op_params macs
    size_bytes arena_bytes float_accuracy int8_accuracy test_images predicted_latency_ms
    predicted_low_ms predicted_high_ms measured_latency_ms target table_kind
    searched_for versions seed search_seconds train_seconds"""


def test_the_export_folder_is_complete_and_the_card_has_every_field(exported):
    run, _, card = exported
    folder = run.exports / "budget-0.3-0.5-0.2"

    files = {"architecture.json", "model.keras", "model_int8.tflite"}
    assert files | {"card.json", "card.md"} <= {path.name for path in folder.iterdir()}
    assert set(CARD_FIELDS.split()) <= set(
        json.loads((folder / "card.json").read_text())
    )
    assert card["size_bytes"] == (folder / "model_int8.tflite").stat().st_size
    assert card["search_seconds"] == 12.5


def test_a_trained_member_has_learned_and_int8_loses_little(exported):
    card = exported[2]

    assert card["float_accuracy"] > 0.9  # chance is 1/3
    assert abs(card["float_accuracy"] - card["int8_accuracy"]) <= 2 / 60  # two images


def test_the_files_are_the_member_of_the_card(exported, tiny_data):
    run, _, card = exported
    folder = run.exports / "budget-0.3-0.5-0.2"

    member = Architecture.from_dict(
        json.loads((folder / "architecture.json").read_text())
    )
    model = keras.models.load_model(folder / "model.keras")

    assert member.to_dict()["ops"] == card["architecture"]
    assert (
        accuracy(model, in_order(tiny_data.x_test, tiny_data.y_test))
        == card["float_accuracy"]
    )
    check_int8((folder / "model_int8.tflite").read_bytes(), DEPLOYABLE)


def test_what_was_not_measured_is_null(exported):
    # the stand-in table's device is not this machine
    assert exported[2]["measured_latency_ms"] is None


def test_nothing_is_exported_over_an_earlier_export(exported, tiny_data):
    run, config, card = exported

    assert export_member(TAKEN, tiny_data, config, run) == card
    with pytest.raises(TfnasError, match=r"card\.json exists. Add --overwrite"):
        export_member(TAKEN, tiny_data, replace(config, seed=1), run)


def test_an_export_killed_after_training_does_not_train_again(
    tmp_path, tiny_data, monkeypatch
):
    run, config = Run(tmp_path), TrainConfig(epochs=1, batch_size=32)
    run.create(SearchConfig(), stand_in_table(TINY))

    def die(*_args, **_kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("tfnas.deploy.make.deploy", die)
        with pytest.raises(Killed):
            export_member(TAKEN, tiny_data, config, run)
    monkeypatch.setattr("tfnas.deploy.train.train_member", die)
    card = export_member(TAKEN, tiny_data, config, run)

    assert card["train_seconds"] > 0
    assert not list((run.exports / "budget-0.3-0.5-0.2").glob(".training*"))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"latency_ms": 5.0},
            r"budget-0.3-0.5-0.2-max-latency-ms-5 needs 29\.7\d\d ms .*allowed are 5",
        ),
        ({"params": 100}, "needs 2,287 parameters, allowed are 100"),
        ({"size_bytes": 1024}, "needs .* bytes of flash, allowed are 1,024"),
        ({"arena_bytes": 1024}, "needs .* bytes of RAM, allowed are 1,024"),
    ],
)
def test_a_member_that_breaks_a_limit_is_refused_before_it_is_trained(
    tmp_path, tiny_data, monkeypatch, limits, message
):
    run = Run(tmp_path)
    run.create(SearchConfig(), stand_in_table(TINY))
    monkeypatch.setattr("tfnas.deploy.train.train_member", None)

    with pytest.raises(LimitError, match=message):
        export_member(limited(**limits), tiny_data, TrainConfig(), run)


@pytest.mark.parametrize(
    ("member", "quantize", "message"),
    [
        (limited(latency_ms=1000.0), "float32", "A limit in time is on int8"),
        (
            replace(TAKEN, table=stand_in_table(TINY, target="ethos-u55-64")),
            "float16",
            "ethos-u55-64 runs int8 alone",
        ),
        (TAKEN, "qat", r"pip install 'tfnas\[qat\]'"),
    ],
)
def test_what_is_impossible_is_refused_before_it_is_trained(
    tmp_path, tiny_data, monkeypatch, member, quantize, message
):
    run, config = Run(tmp_path), TrainConfig(quantize=quantize)
    run.create(SearchConfig(), stand_in_table(TINY))
    monkeypatch.setattr("tfnas.deploy.train.train_member", None)
    monkeypatch.setattr("tfnas.deploy.quantize.find_spec", lambda package: None)

    with pytest.raises(TfnasError, match=message):
        export_member(member, tiny_data, config, run)


def test_an_export_in_another_precision_leaves_no_older_model(tmp_path, tiny_data):
    run = Run(tmp_path)
    run.create(SearchConfig(), stand_in_table(TINY))
    for precision in ("int8", "float16"):
        config = TrainConfig(epochs=0, quantize=precision)
        card = export_member(TAKEN, tiny_data, config, run, overwrite=True)

    models = [path.name for path in Path(card["folder"]).glob("*.tflite")]
    assert models == ["model_float16.tflite"]


def test_other_images_of_one_name_are_another_export(exported, tiny_data):
    run, config, _ = exported
    changed = replace(tiny_data, x_train=255 - tiny_data.x_train)

    assert replace(tiny_data).fingerprint == tiny_data.fingerprint
    with pytest.raises(TfnasError, match=r"card\.json exists. Add --overwrite"):
        export_member(TAKEN, changed, config, run)


def test_a_member_that_keeps_its_limits_says_so(tmp_path, tiny_data):
    run = Run(tmp_path)
    run.create(SearchConfig(), stand_in_table(TINY))
    taken = limited(size_bytes=2**20, arena_bytes=2**20)
    card = export_member(taken, tiny_data, TrainConfig(epochs=0), run)

    assert card["limits"] == {"size_bytes": 2**20, "arena_bytes": 2**20}
    assert 0 < card["arena_bytes"] < 2**20
    assert card["arena_by"] == "tflite-micro"
