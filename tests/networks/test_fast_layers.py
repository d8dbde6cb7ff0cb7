import keras
import numpy as np
import pytest
import tensorflow as tf

from tfnas.networks.fast_layers import fast_layers, supernet_layers


@pytest.fixture
def x():
    return tf.constant(np.random.default_rng(0).normal(size=(4, 7, 6, 3)), tf.float32)


def value_and_gradient(call, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = call(x)
        loss = tf.reduce_sum(y * tf.sin(y))
    return y, tape.gradient(loss, x)


def test_fused_batch_norm_computes_what_keras_does(x):
    plain, fast = (
        module.BatchNormalization(momentum=0.5)
        for module in (keras.layers, fast_layers)
    )
    for layer in (plain, fast):
        layer.build(x.shape)
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([0.0, 1.0, -1.0])

    expected = value_and_gradient(lambda x: plain(x, training=True), x)
    got = value_and_gradient(lambda x: fast(x, training=True), x)

    # float32 sums in another order
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(fast.moving_mean, plain.moving_mean, rtol=1e-4)
    # unbiased against biased: n / (n - 1) for n = 4 * 7 * 6 values
    np.testing.assert_allclose(
        fast.moving_variance - 0.5, (plain.moving_variance - 0.5) * 168 / 167, rtol=1e-4
    )


def test_batch_norm_outside_training_uses_the_moving_averages(x):
    layer = fast_layers.BatchNormalization(epsilon=0.0)
    layer.build(x.shape)
    layer.moving_mean.assign([1.0, 2.0, 3.0])

    np.testing.assert_allclose(layer(x), x - [1.0, 2.0, 3.0], rtol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_max_pooling_and_its_gradient_are_those_of_keras(x, stride):
    plain, fast = (
        module.MaxPooling2D(3, stride, "same") for module in (keras.layers, fast_layers)
    )

    for got, expected in zip(
        value_and_gradient(fast, x), value_and_gradient(plain, x), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_the_sum_adds_every_input(x):
    np.testing.assert_allclose(fast_layers.Add()([x, 2 * x, 3 * x]), 6 * x, rtol=1e-6)


def test_a_supernets_batch_norm_takes_the_batch_always_and_keeps_no_averages(x):
    plain, supernet = (
        module.BatchNormalization() for module in (keras.layers, supernet_layers)
    )
    expected = plain(x, training=True)

    for training in (True, False):
        # float32 sums in another order
        got = supernet(x, training=training)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(supernet.moving_mean, np.zeros(3))
    np.testing.assert_array_equal(supernet.moving_variance, np.ones(3))
