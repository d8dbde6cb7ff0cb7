import pytest
from stand_ins import MEMBER

from tfnas.deploy import quantize as deploying
from tfnas.deploy.quantize import accuracy_drop, deploy, missing_for_qat, quantize
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.networks.build import build
from tfnas.spaces.space import DEPLOYABLE
from tfnas.tflite.graph import check_int8

needs_qat = pytest.mark.skipif(
    bool(missing_for_qat()), reason="QAT is an optional extra: tfnas[qat]"
)


@pytest.fixture(scope="module")
def trained(tiny_data):
    return train_member(MEMBER, tiny_data, TrainConfig(epochs=4, batch_size=32))


def deployed(trained, data, **settings):
    config = TrainConfig(batch_size=32, **settings)
    return deploy(trained, MEMBER, data, config)


def loses(monkeypatch, points):
    monkeypatch.setattr(deploying, "accuracy_drop", lambda *_: points)


def test_auto_leaves_a_member_alone_that_loses_no_more_than_it_may(
    trained, tiny_data, monkeypatch
):
    loses(monkeypatch, 0.5)
    made = deployed(trained, tiny_data)

    assert (made.file, made.quantization) == ("model_int8.tflite", "post-training")
    assert made.flatbuffer == quantize(trained, tiny_data)


@needs_qat
def test_auto_trains_on_where_int8_costs_too_much(
    trained, tiny_data, monkeypatch, capsys
):
    loses(monkeypatch, 0.51)
    made = deployed(trained, tiny_data)

    assert made.quantization == "quantization-aware"
    assert check_int8(made.flatbuffer, DEPLOYABLE)
    told = capsys.readouterr().err
    assert "Int8 costs 0.51 points" in told
    assert "Train with int8 1/1" in told


@needs_qat
def test_qat_trains_on_whatever_int8_costs(trained, tiny_data, monkeypatch):
    loses(monkeypatch, 0)

    made = deployed(trained, tiny_data, quantize="qat")
    assert made.quantization == "quantization-aware"


def test_without_its_packages_auto_says_so_and_goes_on(
    trained, tiny_data, monkeypatch, capsys
):
    loses(monkeypatch, 9)
    monkeypatch.setattr(deploying, "find_spec", lambda package: None)

    assert deployed(trained, tiny_data).quantization == "post-training"
    assert "Kept as it is: Training with int8" in capsys.readouterr().err


def test_int8_never_trains_on(trained, tiny_data, monkeypatch):
    loses(monkeypatch, 9)

    made = deployed(trained, tiny_data, quantize="int8")
    assert made.quantization == "post-training"


@pytest.mark.parametrize(
    ("precision", "how"),
    [("float32", "none"), ("float16", "none"), ("dynamic", "post-training")],
)
def test_other_precisions_have_files_of_their_own(trained, tiny_data, precision, how):
    made = deployed(trained, tiny_data, quantize=precision)

    assert (made.file, made.quantization) == (f"model_{precision}.tflite", how)


def test_what_int8_costs_is_told_in_points_of_training_images(trained, tiny_data):
    other = quantize(build(MEMBER), tiny_data)  # of fresh weights: it can only guess

    assert abs(accuracy_drop(trained, quantize(trained, tiny_data), tiny_data)) < 3
    assert accuracy_drop(trained, other, tiny_data) > 20
