import keras
import numpy as np
import tensorflow as tf

from tfnas.search.unrolled import unrolled_gradients

RATE = 0.3
RNG = np.random.default_rng(0)
TRAIN, VAL = (
    (tf.constant(RNG.normal(size=(8, 3))), tf.constant(RNG.normal(size=8)))
    for _ in range(2)
)


def loss_of(w, x, y, gamma):
    """A tiny network with one choice: `gamma_0 tanh(x w) + gamma_1 (x w)^2 / 9`."""
    z = tf.linalg.matvec(x, w)
    return tf.reduce_mean((gamma[0] * tf.tanh(z) + gamma[1] * z**2 / 9 - y) ** 2)


def gradients_at(w):
    def gradients(x, y, gamma):
        with tf.GradientTape() as tape:
            tape.watch(gamma)
            loss = loss_of(tf.convert_to_tensor(w), x, y, gamma)
        return loss, None, tape.gradient(loss, [[w], gamma])

    return gradients


def exact(w, gamma):
    """Differentiate through the step itself."""
    with tf.GradientTape() as outer:
        outer.watch(gamma)
        with tf.GradientTape() as inner:
            inner.watch(w)
            train_loss = loss_of(w, *TRAIN, gamma)
        ahead = w - RATE * inner.gradient(train_loss, w)
        val_loss = loss_of(ahead, *VAL, gamma)
    return val_loss, outer.gradient(val_loss, gamma)


def test_the_unrolled_gradient_is_that_through_the_step_of_the_weights():
    start = RNG.normal(size=3)
    w, gamma = tf.Variable(start), tf.constant([0.6, 0.4], tf.float64)

    loss, _, got = unrolled_gradients(gradients_at(w), [w], RATE, TRAIN, VAL, gamma)
    expected_loss, expected = exact(tf.constant(start), gamma)

    np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
    # finite differences over 0.02 in weights of about 1: an error of the second order
    np.testing.assert_allclose(got, expected, rtol=2e-3)
    first_order = gradients_at(w)(*VAL, gamma)[2][1]
    assert np.max(np.abs(first_order / expected - 1)) > 0.05  # the order matters here
    np.testing.assert_array_equal(w, start)


def test_the_steps_curvature_is_in_it_in_closed_form():
    # L_train = (w - g)^2 / 2, L_val = w^2 / 2: w' = w - xi (w - g), d w'/dg = xi,
    # so dL_val(w')/dg = xi w' = 0.5 (2 - 0.5 (2 - 1)) = 0.75; first order sees 0
    w = keras.Variable(2.0)

    def gradients(x, y, gamma):
        del y
        with tf.GradientTape() as tape:
            tape.watch(gamma)
            loss = (w - x * gamma) ** 2 / 2
        return (
            loss,
            None,
            tape.gradient(loss, [[w], gamma], unconnected_gradients="zero"),
        )

    train, val = (tf.constant(1.0), None), (tf.constant(0.0), None)
    *_, got = unrolled_gradients(gradients, [w], 0.5, train, val, tf.constant(1.0))

    np.testing.assert_allclose(got, 0.75, rtol=1e-3)
