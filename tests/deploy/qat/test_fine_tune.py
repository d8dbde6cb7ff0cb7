from importlib.util import find_spec
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from stand_ins import MEMBER

from tfnas.data.batches import in_order
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.networks.evaluate import accuracy
from tfnas.networks.fit import Progress
from tfnas.tflite.interpreter import tflite_accuracy

# Not by importing it, which would turn `tf.keras` into Keras 2.
if find_spec("tensorflow_model_optimization") is None:
    pytest.skip("QAT is an optional extra: tfnas[qat]", allow_module_level=True)

from tfnas.deploy.qat.fine_tune import fine_tune


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs, self.steps, self.ended = [], 0, False

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(logs["loss"])

    def on_train_end(self, logs=None):
        self.ended = True


def test_training_with_int8_in_the_loop_learns(tiny_data, capsys):
    model = train_member(MEMBER, tiny_data, TrainConfig(epochs=1, batch_size=16))
    before = [weight.copy() for weight in model.get_weights()]
    test = tiny_data.x_test, tiny_data.y_test
    names = ("x_train", "y_train", "classes", "flip")  # there is no test set to look at
    blind = SimpleNamespace(**{name: getattr(tiny_data, name) for name in names})
    losses = Losses()
    progress = Progress("Train", 3, lambda logs: f"loss {logs['loss']:.3f}")

    flatbuffer = fine_tune(
        model,
        MEMBER,
        blind,
        TrainConfig(epochs=1, batch_size=16, lr=0.5),
        3,
        callbacks=[losses, progress],
    )

    assert losses.epochs[-1] < 0.8 * losses.epochs[0]
    assert (losses.steps, losses.ended) == (3 * 20, True)
    assert "Train 3/3  loss" in capsys.readouterr().err
    assert tflite_accuracy(flatbuffer, in_order(*test)) >= max(
        0.9, accuracy(model, in_order(*test))
    )
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
