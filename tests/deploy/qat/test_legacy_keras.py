import os
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest
import tensorflow as tf

from tfnas.errors import SettingsError

# Not by importing it, which would turn `tf.keras` into Keras 2.
if find_spec("tensorflow_model_optimization") is None:
    pytest.skip("QAT is an optional extra: tfnas[qat]", allow_module_level=True)

from tfnas.deploy.qat.legacy_keras import tf_keras


def test_keras_3_stays_what_everything_else_gets():
    assert tf_keras.__version__.startswith("2.")
    assert tf.keras.version().startswith("3.")
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_missing_packages_are_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_model_optimization", None)
    monkeypatch.delitem(sys.modules, "tfnas.deploy.qat.legacy_keras")

    with pytest.raises(SettingsError, match=r"pip install 'tfnas\[qat\]'"):
        import_module("tfnas.deploy.qat.legacy_keras")
