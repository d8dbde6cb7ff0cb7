import math
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from stand_ins import MEMBER

from tfnas.data.batches import batches
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import fit, train_member
from tfnas.networks.build import build
from tfnas.networks.weights import named_weights, recalibrate


def test_a_member_starts_from_the_weights_it_is_given(tiny_data, monkeypatch):
    weights = named_weights(build(MEMBER))
    config = TrainConfig(epochs=0, batch_size=32)
    # a network that has learned nothing may guess better with its old statistics
    monkeypatch.setattr("tfnas.deploy.train.settle", recalibrate)

    inherited = named_weights(train_member(MEMBER, tiny_data, config, weights=weights))

    np.testing.assert_array_equal(inherited["stem_conv"][0], weights["stem_conv"][0])
    # gamma and beta stay, the moving averages are measured anew
    np.testing.assert_array_equal(inherited["stem_bn"][:2], weights["stem_bn"][:2])
    assert np.any(inherited["stem_bn"][2] != weights["stem_bn"][2])


def test_a_member_is_settled_once_it_is_trained(tiny_data, monkeypatch):
    done = []

    def mark(model, seen):
        done.append([len(y) for _, y in seen])
        model.get_layer("stem_bn").moving_mean.assign([7.0] * 12)

    monkeypatch.setattr("tfnas.deploy.train.fit", lambda *_args: done.append("fit"))
    monkeypatch.setattr("tfnas.deploy.train.settle", mark)
    model = train_member(MEMBER, tiny_data, TrainConfig(epochs=1, batch_size=160))

    assert done == ["fit", [160] * 20]
    np.testing.assert_array_equal(named_weights(model)["stem_bn"][2], [7.0] * 12)


def test_training_does_not_look_at_the_test_set(tiny_data):
    config = TrainConfig(epochs=1, batch_size=32)
    spoiled = replace(
        tiny_data, x_test=255 - tiny_data.x_test, y_test=2 - tiny_data.y_test
    )

    first, second = (train_member(MEMBER, d, config) for d in (tiny_data, spoiled))

    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_steps_by_nesterovs_momentum_and_decay_along_a_cosine(tiny_data):
    dense = keras.layers.Dense(3, use_bias=False)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), dense])
    config = TrainConfig(epochs=2, batch_size=160, lr=0.5, weight_decay=0.1)
    images = (tiny_data.x_train, tiny_data.y_train, config.batch_size)
    seen = batches(*images, seed=0, flip=tiny_data.flip, epochs=range(2))

    (kernel,), velocity = model.get_weights(), 0.0
    for step, (x, y) in enumerate(seen):  # two steps an epoch
        pixels = np.reshape(x, (160, 64))
        errors = tf.nn.softmax(pixels @ kernel) - np.eye(3)[y]
        rate = 0.5 * (1 + math.cos(math.pi * step / 4)) / 2
        push = -rate * pixels.T @ errors / 160
        velocity = 0.9 * velocity + push
        kernel = kernel - rate * 0.1 * kernel + 0.9 * velocity + push
    fit(model, tiny_data, config, range(config.epochs))

    # float32 sums in another order
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=1e-3, atol=1e-5)
