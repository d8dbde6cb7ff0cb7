import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from stand_ins import TINY, stand_in_table

from tfnas.data.batches import in_order
from tfnas.deploy.card import card_text, sentence
from tfnas.deploy.export import export_member
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.errors import LimitError, TargetError, TfnasError
from tfnas.family.limits import Limits
from tfnas.family.member import Member, require_untrained, untrained_bytes
from tfnas.latency.device import Place, latency_facts, memory_facts, on_target
from tfnas.networks.build import build
from tfnas.networks.convert import convert_int8
from tfnas.networks.evaluate import accuracy
from tfnas.networks.weights import named_weights
from tfnas.search.run import Run, State
from tfnas.search.settings import SearchConfig
from tfnas.spaces.architecture import Architecture
from tfnas.targets.measurement import Measurement
from tfnas.targets.registry import get_target
from tfnas.tflite.graph import check_int8, graph

BUDGET = (0.3, 0.5, 0.2)
MEMBER = Architecture(TINY, (2, 1, 0, 2))
TAKEN = Member(MEMBER, BUDGET, stand_in_table(TINY))
CARD_FIELDS = """budget limits architecture op_counts params op_params macs size_bytes
    arena_bytes float_accuracy int8_accuracy test_images predicted_latency_ms
    predicted_low_ms predicted_high_ms measured_latency_ms target table_kind
    searched_for versions seed search_seconds train_seconds"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tiny_data):
    run = Run(tmp_path_factory.mktemp("run"))
    run.create(SearchConfig(), stand_in_table(TINY))
    run.save_state(State(2, search_seconds=12.5), keep=1)
    config = TrainConfig(epochs=6, batch_size=16)
    card = export_member(TAKEN, tiny_data, config, run)
    return run, config, card


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
    check_int8((folder / "model_int8.tflite").read_bytes())


def test_what_was_not_measured_is_null(exported):
    # the stand-in table's device is not this machine
    assert exported[2]["measured_latency_ms"] is None


def test_nothing_is_exported_over_an_earlier_export(exported, tiny_data):
    run, config, card = exported

    assert export_member(TAKEN, tiny_data, config, run) == card
    with pytest.raises(TfnasError, match=r"card\.json exists. Add --overwrite"):
        export_member(TAKEN, tiny_data, replace(config, seed=1), run)


class Killed(Exception):
    """Stands for a process that dies."""


def test_an_export_killed_after_training_does_not_train_again(
    tmp_path, tiny_data, monkeypatch
):
    run, config = Run(tmp_path), TrainConfig(epochs=1, batch_size=32)
    run.create(SearchConfig(), stand_in_table(TINY))

    def die(*_args, **_kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("tfnas.deploy.export.deploy", die)
        with pytest.raises(Killed):
            export_member(TAKEN, tiny_data, config, run)
    monkeypatch.setattr("tfnas.deploy.export.train_member", die)
    card = export_member(TAKEN, tiny_data, config, run)

    assert card["train_seconds"] > 0
    assert not list((run.exports / "budget-0.3-0.5-0.2").glob(".training*"))


def test_a_members_facts_are_those_counted_by_hand():
    facts = TAKEN.facts()

    # normal: convolution with 4 channels; reduction: convolutions with 8 and 16
    convolutions = [2 * (9 * c + c * c) + 4 * c for c in (4, 8, 16)]
    assert facts["op_params"] == sum(convolutions)
    assert facts["op_counts"] == {
        "max_pool_3x3": 1,
        "skip_connect": 1,
        "sep_conv_3x3": 2,
    }
    assert facts["params"] == sum(
        int(np.prod(weight.shape)) for weight in build(MEMBER).trainable_weights
    )
    assert facts["predicted_latency_ms"] == 1 + 2 * (2 + 3 + 2 * (1 + 3))


def test_the_card_is_a_sentence_and_a_table(exported):
    text = card_text(exported[2])

    assert text.startswith("The network for max_pool_3x3 0.3, skip_connect 0.5, ")
    assert "is predicted to take" in sentence(exported[2])
    assert "takes 1.500 ms" in sentence({**exported[2], "measured_latency_ms": 1.5})
    assert "| Measured latency | not measured |" in text


def test_latency_is_measured_on_the_tables_own_device():
    flatbuffer = convert_int8(build(MEMBER), np.zeros((2, 8, 8, 1), np.float32))
    here = stand_in_table(TINY, device=get_target("cpu").device)

    timed, compiled = on_target(flatbuffer, Place.of_table(here))
    assert timed.median_ms > 0
    assert compiled == {}
    assert on_target(flatbuffer, Place.of_table(stand_in_table(TINY))) == (None, {})


@pytest.mark.parametrize(
    ("kind", "flags", "measured", "estimated"),
    [
        ("measured", (), 2.0, None),
        ("measured", ("cpu_fallback",), 2.0, None),
        ("measured", ("unusable",), None, None),
        ("vendor-estimate", (), None, 2.0),
        ("analytic", (), None, 2.0),
    ],
)
def test_an_estimate_is_never_called_measured(kind, flags, measured, estimated):
    facts = latency_facts(Measurement((2.0,), 64, flags), kind)

    assert facts["measured_latency_ms"] == measured
    assert facts["estimated_latency_ms"] == estimated
    assert facts["latency_flags"] == [*flags]


def test_what_the_devices_compiler_makes_of_a_model_is_handed_over():
    pytest.importorskip("ethosu", reason="vela is an optional extra: tfnas[ethos-u]")
    flatbuffer = convert_int8(build(MEMBER), np.zeros((2, 8, 8, 1), np.float32))
    npu = get_target("ethos-u55-64", options={"memory_mode": "Sram_Only"})
    table = stand_in_table(TINY, target=npu.name, device=npu.device)

    timed, compiled = on_target(flatbuffer, Place.of_table(table))
    assert timed.arena_bytes > 0
    assert [*compiled] == ["model_int8_vela.tflite"]
    assert graph(compiled["model_int8_vela.tflite"])[0] == ["CUSTOM"]


def limited(**limits):
    return replace(TAKEN, limits=Limits(**limits))


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
    monkeypatch.setattr("tfnas.deploy.export.train_member", None)

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
    monkeypatch.setattr("tfnas.deploy.export.train_member", None)
    monkeypatch.setattr("tfnas.deploy.quantize.find_spec", lambda package: None)

    with pytest.raises(TfnasError, match=message):
        export_member(member, tiny_data, config, run)


def test_a_limit_on_size_is_held_against_the_precision_that_is_handed_over():
    sizes = {p: untrained_bytes(TAKEN, p)["size_bytes"] for p in ("int8", "float32")}
    small, large = sorted(sizes, key=sizes.get)
    between = limited(size_bytes=sizes[small])

    assert sizes[small] < sizes[large]
    require_untrained(between, small)
    with pytest.raises(LimitError, match="bytes of flash"):
        require_untrained(between, large)


def test_memory_is_told_without_measuring_time(monkeypatch):
    monkeypatch.setattr("tfnas.deploy.export.on_target", None)

    assert untrained_bytes(TAKEN)["size_bytes"] > 0


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


def test_memory_that_nothing_tells_is_null_and_a_limit_on_it_an_error(monkeypatch):
    monkeypatch.setattr("tfnas.tflite.arena.is_installed", lambda: False)
    facts = memory_facts(b"", None)

    assert facts["arena_bytes"] is facts["arena_by"] is None
    with pytest.raises(TargetError, match=r"pip install 'tfnas\[micro\]'"):
        Limits(arena_bytes=1).exceeded(facts)


def test_a_target_that_knows_its_memory_has_the_word():
    facts = memory_facts(b"", Measurement((1.0,), 4096, peak_memory_bytes=9000))

    told = {"arena_bytes": 4096, "arena_by": "target", "peak_memory_bytes": 9000}
    assert facts == told


def test_a_member_starts_from_the_weights_it_is_given(tiny_data):
    weights = named_weights(build(MEMBER))
    config = TrainConfig(epochs=0, batch_size=32)

    inherited = named_weights(train_member(MEMBER, tiny_data, config, weights=weights))

    np.testing.assert_array_equal(inherited["stem_conv"][0], weights["stem_conv"][0])
    # gamma and beta stay, the moving averages are measured anew
    np.testing.assert_array_equal(inherited["stem_bn"][:2], weights["stem_bn"][:2])
    assert np.any(inherited["stem_bn"][2] != weights["stem_bn"][2])


def test_training_does_not_look_at_the_test_set(tiny_data):
    config = TrainConfig(epochs=1, batch_size=32)
    spoiled = replace(
        tiny_data, x_test=255 - tiny_data.x_test, y_test=2 - tiny_data.y_test
    )

    first, second = (train_member(MEMBER, d, config) for d in (tiny_data, spoiled))

    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
