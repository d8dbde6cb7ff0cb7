import keras
import numpy as np
import pytest
from keras import layers

from tfnas.errors import ModelError
from tfnas.networks.convert import convert_float, convert_int8
from tfnas.spaces.space import DEPLOYABLE
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
    assert check_int8(converted[1], DEPLOYABLE) == ["CONV_2D", "MEAN"]
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


def test_an_op_without_an_int8_form_is_one_sentence():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.ops.erfinv(image))

    with pytest.raises(ModelError, match="cannot be converted: "):
        convert_int8(model, noise(4, 8, 8, 3))
