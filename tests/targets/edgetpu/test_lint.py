import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfnas.networks.build import build
from tfnas.networks.convert import convert_int8
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.targets.edgetpu.edgetpu import EdgeTpu
from tfnas.targets.edgetpu.lint import lint
from tfnas.tflite.graph import graph


def converted(layer, shape=(8, 8, 4)):
    image = keras.Input(shape)
    noise = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    return convert_int8(keras.Model(image, layer(image)), noise)


@pytest.mark.parametrize(
    ("layer", "op", "reason"),
    [
        (
            layers.Conv2D(4, 3, groups=2),
            "CONV_2D",
            "version 6, for its groups are more than one; the compiler knows versions "
            "up to 5",
        ),
        (
            layers.Conv2DTranspose(4, 3, 2, activation="relu", bias_initializer="ones"),
            "TRANSPOSE_CONV",
            "version 4, for its ReLU is fused; the compiler knows versions up to 3",
        ),
        (layers.Activation("gelu"), "GELU", "not an op of the Edge TPU"),
        (
            layers.Conv2D(4, 3, dilation_rate=(1, 2)),
            "CONV_2D",
            "its dilations in x and y differ",
        ),
        (
            layers.Lambda(lambda x: tf.reduce_mean(x[..., :3], axis=3)),
            "MEAN",
            "it reduces channels whose number is no multiple of 4",
        ),
        (
            layers.Lambda(lambda x: tf.pad(x[:, :1], [[1, 0], *[[0, 0]] * 3])),
            "PAD",
            "it pads the batch",
        ),
        (
            layers.Lambda(lambda x: tf.stack([x[:, 0], x[:, 1]], axis=0)),
            "PACK",
            "it packs along the batch",
        ),
        (
            layers.Lambda(lambda x: x[:, ::2]),
            "STRIDED_SLICE",
            "its strides are not all 1",
        ),
        (layers.PReLU(), "PRELU", "its alpha is not one-dimensional"),
    ],
)
def test_what_the_compiler_refuses_is_named_with_the_reason(layer, op, reason):
    (found,) = [text for text in lint(converted(layer)) if f", {op}: " in text]

    assert found.endswith(reason)


@pytest.mark.parametrize(
    ("layer", "op"),
    [
        (layers.GlobalAveragePooling2D(), "MEAN"),
        (layers.ZeroPadding2D(1), "PAD"),
        (layers.Lambda(lambda x: tf.stack([x[:, 0], x[:, 1]], axis=1)), "PACK"),
        (layers.Lambda(lambda x: x[:, 1:5]), "STRIDED_SLICE"),
        (layers.PReLU(shared_axes=[1, 2]), "PRELU"),
    ],
)
def test_the_same_ops_pass_where_they_keep_the_rules(layer, op):
    flatbuffer = converted(layer)

    assert op in graph(flatbuffer)[0]
    assert lint(flatbuffer) == []


def test_dense_weights_must_be_quantized_per_tensor():
    dense = layers.Dense(5)
    per_channel = converted(dense, (6,))
    per_tensor = convert_int8(
        keras.Sequential([keras.Input((6,)), dense]),
        np.random.default_rng(0).random((2, 6), dtype=np.float32),
        traits=EdgeTpu.traits,
    )

    assert "quantized per channel" in lint(per_channel)[0]
    assert lint(per_tensor) == []


def test_a_float_model_is_refused():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3)])
    call = tf.function(model).get_concrete_function(tf.TensorSpec((1, 8, 8, 1)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call], model)

    assert any("neither int8 nor uint8" in text for text in lint(converter.convert()))


def test_a_network_of_the_default_space_passes():
    space = CellSpace(nodes=2)
    member = Architecture(space, (0, 1, 2) * (len(space.choices) // 3) + (2,))
    noise = np.random.default_rng(0).random((2, 28, 28, 1), dtype=np.float32)

    assert lint(convert_int8(build(member), noise, traits=EdgeTpu.traits)) == []
