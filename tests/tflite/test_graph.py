import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfnas.errors import ModelError
from tfnas.networks.convert import convert_float, convert_int8
from tfnas.support.quiet import quiet
from tfnas.tflite.graph import check_int8, graph
from tfnas.tflite.interpreter import TfliteModel


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 1, shape).astype("float32")


@pytest.fixture(scope="module")
def converted():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    x = layers.ReLU(6)(layers.BatchNormalization()(layers.Conv2D(8, 3)(image)))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    return model, convert_int8(model, noise(32, 8, 8, 3))


def test_batch_norm_and_relu6_are_fused_and_all_is_int8(converted):
    assert check_int8(converted[1]) == ["CONV_2D", "MEAN"]
    assert set(graph(converted[1])[1]) == {"INT8", "INT32"}


def test_an_int8_model_stays_within_two_steps_of_the_float_one(converted):
    model, flatbuffer = converted
    images, int8 = noise(16, 8, 8, 3), TfliteModel(flatbuffer)

    # two steps: one for rounding the pooled mean, one for what the convolution lost
    error = np.abs(int8.predict(images) - model(images))
    assert error.max() <= 2 * int8.output_step


@pytest.mark.parametrize(
    ("precision", "within"), [("float32", 1e-5), ("float16", 2e-3), ("dynamic", 0.05)]
)
def test_a_float_form_computes_what_the_model_does(converted, precision, within):
    model, images = converted[0], noise(4, 8, 8, 3)
    found = TfliteModel(convert_float(model, precision)).predict(images)

    np.testing.assert_allclose(found, model(images), atol=within)


def test_half_precision_takes_half_the_room():
    model = keras.Sequential([keras.Input((64,)), layers.Dense(512)])
    sizes = {p: len(convert_float(model, p)) for p in ("float32", "float16", "dynamic")}

    assert sizes["float32"] > 1.8 * sizes["float16"] > 1.8 * sizes["dynamic"]


def test_an_op_that_nobody_priced_is_refused():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, layers.Softmax()(image))

    with pytest.raises(ModelError, match="holds SOFTMAX, which is not among"):
        check_int8(convert_int8(model, noise(4, 8, 8, 3)))


def test_a_float_model_is_refused():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3)])
    call = tf.function(model, input_signature=[tf.TensorSpec((1, 8, 8, 3))])
    with quiet():
        flatbuffer = tf.lite.TFLiteConverter.from_concrete_functions(
            [call.get_concrete_function()], model
        ).convert()

    with pytest.raises(
        ModelError, match="tensors of FLOAT32, RESOURCE: a part was not"
    ):
        check_int8(flatbuffer, frozenset(graph(flatbuffer)[0]))


def test_an_op_without_an_int8_form_is_one_sentence():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.ops.erfinv(image))

    with pytest.raises(ModelError, match="cannot be converted: "):
        convert_int8(model, noise(4, 8, 8, 3))


def test_quiet_hides_what_c_code_writes_and_gives_stderr_back(capfd):
    with quiet():
        os.write(2, b"noise\n")
    os.write(2, b"news\n")

    assert capfd.readouterr().err == "news\n"
