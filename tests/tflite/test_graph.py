import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfnas.errors import ModelError
from tfnas.networks.convert import convert_int8
from tfnas.spaces.space import DEPLOYABLE
from tfnas.support.quiet import quiet
from tfnas.tflite.graph import check_int8, graph


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 1, shape).astype("float32")


def test_an_op_that_nobody_priced_is_refused():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, layers.Softmax()(image))

    with pytest.raises(ModelError, match="holds SOFTMAX, which is not among"):
        check_int8(convert_int8(model, noise(4, 8, 8, 3)), DEPLOYABLE)


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
