"""Keras 2 (`tf_keras`) and tensorflow-model-optimization, which knows no other.

Everything else runs on Keras 3, in the same process.
"""

import os
from importlib import import_module
from typing import Any

import tensorflow as tf

from tfnas.errors import SettingsError
from tfnas.support.quiet import quiet

_SWITCH = "TF_USE_LEGACY_KERAS"


def _import() -> tuple[Any, Any]:
    """Both packages; the import of the second must not turn `tf.keras` into Keras 2."""
    before = os.environ.get(_SWITCH)
    hasattr(tf.keras, "version")  # settles what it is before the variable is set
    try:
        with quiet():
            tfmot = import_module("tensorflow_model_optimization").quantization.keras
            return import_module("tf_keras"), tfmot
    except ImportError as error:
        raise SettingsError(
            "Quantization-aware training needs packages that are not installed: "
            f"pip install 'tfnas[qat]' ({error})"
        ) from error
    finally:
        os.environ.pop(_SWITCH, None)
        if before is not None:
            os.environ[_SWITCH] = before


tf_keras, tfmot = _import()
