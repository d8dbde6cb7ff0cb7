import pytest

from tfnas.deploy.gates import Gates
from tfnas.errors import GateError

CARD = {
    "folder": "export/one",
    "float_accuracy": 0.9,
    "tflite_accuracy": 0.89,
    "predicted_latency_ms": 2.0,
    "measured_latency_ms": 2.2,
    "target": "cpu",
    "precision": "int8",
    "latency_flags": [],
}


@pytest.mark.parametrize(
    "gates",
    [
        Gates(),
        Gates(accuracy_drop=1.01),
        Gates(latency_error=10.01),
        Gates(full_int8=True),
    ],
)
def test_a_card_that_is_good_enough_passes(gates):
    gates.require([CARD])


@pytest.mark.parametrize(
    ("gates", "change", "message"),
    [
        (Gates(accuracy_drop=0.5), {}, r"1\.00 points of accuracy are lost, not 0\.5"),
        (Gates(latency_error=5), {}, r"latency is \+10\.0 % off, not 5 %"),
        (
            Gates(latency_error=5),
            {"measured_latency_ms": 1.8},
            r"latency is -10\.0 % off",
        ),
        (
            Gates(latency_error=5),
            {"measured_latency_ms": None},
            "latency was not measured on cpu",
        ),
        (Gates(full_int8=True), {"precision": "float16"}, "it is float16, not int8"),
        (
            Gates(full_int8=True),
            {"latency_flags": ["cpu_fallback"]},
            "the accelerator leaves a part of it to the CPU",
        ),
    ],
)
def test_every_gate_trips_and_says_by_how_much(gates, change, message):
    with pytest.raises(GateError, match=f"export/one: .*{message}"):
        gates.require([CARD | change])


def test_all_members_that_fail_are_named():
    with pytest.raises(GateError, match=r"one: .* lost.*two: .* lost"):
        Gates(accuracy_drop=0.5).require([CARD, CARD | {"folder": "export/two"}])
