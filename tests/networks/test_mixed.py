import keras
import numpy as np
import pytest
import tensorflow as tf

from tfnas.errors import SettingsError
from tfnas.networks import mixed as mixed_module
from tfnas.networks.mixed import MixedOp
from tfnas.spaces.ops import Op, run
from tfnas.spaces.site import Slot

OPS = ["max_pool_3x3", "skip_connect", "sep_conv_3x3", "none"]


def make(mode, stride=1, choice=1, size=None):
    size = size or (6 if stride == 1 else 7)
    return MixedOp(OPS, Slot(choice, "edge", size, size, 4, 4, stride), mode)


def gamma(row):
    """Two choices; the layer under test reads the second."""
    return tf.constant([[9.0, 9.0, 9.0, 9.0], row], tf.float32)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype("float32")


def alone(mixed, x, index):
    chain = mixed.candidates[index]
    return run(chain, x) if chain else x


def test_soft_output_is_the_weighted_sum_of_the_candidates(x):
    mixed = make("soft")
    y = mixed(x, gamma([0.2, 0.3, 0.4, 0.1]))

    pool, skip, conv = (alone(mixed, x, index) for index in range(3))
    np.testing.assert_allclose(y, 0.2 * pool + 0.3 * skip + 0.4 * conv, rtol=1e-5)


@pytest.mark.parametrize("chosen", range(3), ids=OPS[:3])
def test_sampled_output_is_the_chosen_op_alone(x, chosen):
    mixed = make("sampled")
    y = mixed(x, gamma(np.eye(4)[chosen]))

    np.testing.assert_array_equal(y, alone(mixed, x, chosen))


@pytest.mark.parametrize("mode", ["soft", "sampled"])
@pytest.mark.parametrize("chosen", [2, 3], ids=["convolution", "nothing"])
def test_the_input_is_added_where_the_space_says_so(x, mode, chosen):
    row = gamma(np.eye(4)[chosen])
    place = Slot(1, "edge", 6, 6, 4, 4)
    mixed = MixedOp(OPS, place, mode, [False, False, True, True])

    alike = mixed(x, row), MixedOp.from_config(mixed.get_config())(x, row)

    put_out = alone(mixed, x, 2) if chosen == 2 else 0.0
    np.testing.assert_allclose(alike[0], x + put_out, rtol=1e-5)
    assert (chosen == 2) == np.any(alike[1] != x)


@pytest.mark.parametrize("mode", ["soft", "sampled"])
def test_none_is_zero_and_halves_like_the_others(mode):
    x = np.ones((1, 7, 7, 4), "float32")

    y = make(mode, stride=2)(x, gamma([0, 0, 0, 1]))

    np.testing.assert_array_equal(y, np.zeros((1, 4, 4, 4)))


def test_soft_gammas_gradient_is_each_ops_sum(x):
    mixed = make("soft")
    weights = tf.Variable(gamma([0.2, 0.3, 0.4, 0.1]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(mixed(x, weights))

    expected = [tf.reduce_sum(alone(mixed, x, index)) for index in range(3)]
    gradient = tape.gradient(loss, weights)[1]
    np.testing.assert_allclose(gradient[:3], expected, rtol=1e-4)


def test_sampled_ops_have_no_gradient_by_gamma(x):
    weights = tf.Variable(gamma([0, 0, 1, 0]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(make("sampled")(x, weights))

    assert tape.gradient(loss, weights) is None


@pytest.fixture
def in_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.usefixtures("in_bfloat16")
def test_gammas_gradient_is_summed_in_float32_where_the_ops_are_not():
    x = tf.ones((1, 40, 40, 4), tf.bfloat16)
    weights = gamma([0, 1, 0, 0])  # identity: the gradient is the sum of x
    with tf.GradientTape() as tape:
        tape.watch(weights)
        loss = tf.reduce_sum(tf.cast(make("soft", size=40)(x, weights), tf.float32))

    # bfloat16, with 8 bits, would stop at 256 or round 6400 to 6400 +- 16
    gradient = tape.gradient(loss, weights)
    assert gradient.dtype == tf.float32
    assert float(gradient[1, 1]) == 40 * 40 * 4


def test_slots_of_one_shape_share_a_graph_and_no_weights(x):
    first, second = make("sampled"), make("sampled", choice=0)
    convolution = tf.constant([[0.0, 0, 1, 0]] * 2)
    outputs = [mixed(x, convolution) for mixed in (first, second)]

    assert first._traced is second._traced
    for mixed, y in zip((first, second), outputs, strict=True):
        np.testing.assert_array_equal(y, alone(mixed, x, 2))
    assert np.any(outputs[0] != outputs[1])


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradient_of_a_pool_in_a_branch_is_that_of_a_pool(x, stride):
    mixed, choose = make("sampled", stride), gamma([1, 0, 0, 0])

    def gradient(call):
        with tf.GradientTape() as tape:
            tape.watch(tf_x := tf.constant(x))
            loss = tf.reduce_sum(call(tf_x) ** 3)
        return tape.gradient(loss, tf_x)

    expected = gradient(lambda x: tf.nn.max_pool2d(x, 3, stride, "SAME"))
    got = tf.function(lambda: gradient(lambda x: mixed(x, choose)))()
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_an_op_whose_layers_keep_a_state_is_refused(x, monkeypatch):
    def noisy(layers, slot, name):
        return [keras.layers.GaussianDropout(0.5, name=name)]

    monkeypatch.setattr(mixed_module, "find_op", lambda name: Op(name, noisy))
    with pytest.raises(SettingsError, match="keeps a state beside its weights"):
        make("sampled", choice=2)(x, gamma([1, 0, 0, 0]))


def test_a_plain_op_of_layers_that_cannot_be_folded_is_refused(monkeypatch):
    def odd(layers, slot, name):
        return [layers.Conv2D(4, 3, padding="same", name=name)]

    monkeypatch.setattr(
        mixed_module, "find_op", lambda name: Op("odd", odd, plain=True)
    )
    with pytest.raises(SettingsError, match="odd is plain and has 1 layers"):
        make("sampled")


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="must be 'soft' or 'sampled'"):
        make("hard")


def test_a_saved_model_predicts_the_same(x, tmp_path):
    # no argument left at its default
    mixed = MixedOp([None, *OPS[1:]], Slot(1, "e", 6, 6, 4, 4, 2), "soft", name="e")
    inputs = [keras.Input((6, 6, 4)), keras.Input(batch_shape=(2, 4))]
    model = keras.Model(inputs, mixed(*inputs))
    model.save(tmp_path / "mixed.keras")

    inputs = [tf.constant(x), gamma([0.2, 0.3, 0.4, 0.1])]
    loaded = keras.models.load_model(tmp_path / "mixed.keras")
    np.testing.assert_array_equal(loaded(inputs), model(inputs))


@pytest.mark.parametrize("mode", ["soft", "sampled"])
def test_an_op_that_may_not_stand_or_is_empty_is_zeros_of_the_slots_output(mode):
    mixed = MixedOp([None, "conv_3x3", "skip"], Slot(0, "b", 7, 5, 4, 6, 2), mode)
    x = np.ones((2, 7, 5, 4), "float32")

    for row in ([1.0, 0, 0], [0, 0, 1.0]):
        y = mixed(x, tf.constant([row]))
        np.testing.assert_array_equal(y, np.zeros((2, 4, 3, 6)))
    assert mixed(x, tf.constant([[0, 1.0, 0]])).shape == (2, 4, 3, 6)
