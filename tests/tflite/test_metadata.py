import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tfnas.errors import ModelError
from tfnas.latency.probes import site_model
from tfnas.spaces.site import Site
from tfnas.tflite.interpreter import TfliteModel
from tfnas.tflite.metadata import read_metadata, write_metadata

FACTS = {"labels": ["Schr\u00e4nke", "b\nc"], "budget": [0.5, 0.5]}


@pytest.fixture(scope="module")
def model():
    return site_model(Site("sep_conv_3x3", 8, 8, 4, 4))


def test_facts_come_back_and_the_model_computes_the_same(model):
    told = write_metadata(model, FACTS)
    images = np.random.default_rng(0).random((2, 8, 8, 4), dtype=np.float32)

    assert read_metadata(model) is None
    assert read_metadata(told) == FACTS
    outputs = [TfliteModel(one).predict(images) for one in (model, told)]
    np.testing.assert_array_equal(*outputs)


def test_facts_replace_earlier_ones_and_leave_the_converters(model):
    twice = write_metadata(write_metadata(model, {"old": 1}), FACTS)
    names = [entry.name for entry in schema.ModelT.InitFromPackedBuf(twice, 0).metadata]

    assert read_metadata(twice) == FACTS
    assert names.count(b"tfnas") == 1
    assert b"CONVERSION_METADATA" in names


def test_weights_are_aligned_as_the_format_asks(model):
    told = write_metadata(model, FACTS)
    start = np.frombuffer(told, np.uint8).ctypes.data
    root = schema.Model.GetRootAs(told, 0)
    buffers = [root.Buffers(number) for number in range(root.BuffersLength())]

    places = [b.DataAsNumpy().ctypes.data - start for b in buffers if b.DataLength()]
    assert len(places) >= 8
    assert all(place % 16 == 0 for place in places)


def test_what_is_no_model_is_refused():
    with pytest.raises(ModelError, match=r"It is no \.tflite model"):
        read_metadata(b"something else")


def test_facts_of_another_version_are_refused(model, monkeypatch):
    monkeypatch.setattr("tfnas.tflite.metadata.SCHEMA", 2)
    later = write_metadata(model, FACTS)
    monkeypatch.undo()

    with pytest.raises(ModelError, match="another version of tfnas"):
        read_metadata(later)
