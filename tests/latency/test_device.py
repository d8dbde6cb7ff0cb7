import numpy as np
import pytest
from stand_ins import MEMBER, TINY, stand_in_table

from tfnas.errors import TargetError
from tfnas.family.limits import Limits
from tfnas.latency.device import Place, latency_facts, memory_facts, on_target
from tfnas.networks.build import build
from tfnas.networks.convert import convert_int8
from tfnas.targets.measurement import Measurement
from tfnas.targets.registry import get_target
from tfnas.tflite.graph import graph


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
