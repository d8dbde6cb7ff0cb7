"""Classifies images with the model beside this file: python infer.py IMAGE...

An IMAGE is a .npy file of uint8 (height, width or height, width, channels), a binary
.pgm or .ppm file, or, where Pillow is installed, any other that Pillow reads. It is
resized as the images of the training were. One line for each: file, class, probability.

Copied there by tfnas. One file, Python 3.7 syntax, standard library and numpy beside
whichever TFLite runtime is installed; model and labels.txt lie in the same folder.
"""

import importlib
import re
import sys
from pathlib import Path
from typing import Any, Tuple

import numpy as np

RUNTIMES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite-runtime"),
    ("tensorflow.lite.python.interpreter", "tensorflow"),
)
MODELS = ("model_int8", "model_dynamic", "model_float16", "model_float32")
LUMA = (0.299, 0.587, 0.114)  # brightness of red, green and blue (ITU-R BT.601)
GAP = rb"(?:\s+|#[^\n]*\n)+"
NETPBM = re.compile(rb"P([56])" + GAP + rb"(\d+)" + GAP + rb"(\d+)" + GAP + rb"(\d+)\s")


def find_runtime() -> Any:
    """The first runtime that can be imported."""
    tried = []
    for module, package in RUNTIMES:
        try:
            return importlib.import_module(module)
        # The latter two are how a runtime of before numpy 2 fails beside it.
        except (ImportError, AttributeError, SystemError) as error:
            tried.append("%s: %s" % (package, error))
    raise SystemExit("No TFLite runtime here (%s)" % "; ".join(tried))


def find_model(folder: Path) -> Path:
    """The model in a folder; the first of `MODELS` where there are several."""
    for name in MODELS:
        path = folder / (name + ".tflite")
        if path.exists():
            return path
    raise SystemExit("No %s.tflite in %s" % (".tflite, ".join(MODELS), folder))


def read_netpbm(content: bytes) -> Any:
    """Pixels of a binary .pgm or .ppm file."""
    head = NETPBM.match(content)
    if head is None or int(head.group(4)) != 255:
        raise ValueError("it is no binary .pgm or .ppm file of 8 bits")
    channels = 3 if head.group(1) == b"6" else 1
    width, height = int(head.group(2)), int(head.group(3))
    count = height * width * channels
    pixels = np.frombuffer(content, np.uint8, count, offset=head.end())
    return pixels.reshape(height, width, channels)


def read_with_pillow(path: Path) -> Any:
    """Pixels of a file that Pillow reads, grey or colour."""
    try:
        module = importlib.import_module("PIL.Image")
    except ImportError:
        raise SystemExit(
            "%s: Pillow is not installed, without it images are .npy, .pgm or .ppm "
            "(pip install pillow)" % path
        ) from None
    with module.open(str(path)) as image:
        if image.mode.startswith("I"):  # 16 bits, which convert() would cut off at 255
            return (np.asarray(image) >> 8).astype(np.uint8)
        grey = image.mode in ("1", "L", "LA")
        return np.asarray(image.convert("L" if grey else "RGB"))


def read_image(path: Path) -> Any:
    """Pixels of a file, uint8, shape `(height, width, channels)`."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        pixels = np.load(str(path), allow_pickle=False)
    elif suffix in (".pgm", ".ppm"):
        pixels = read_netpbm(path.read_bytes())
    else:
        pixels = read_with_pillow(path)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise ValueError("it holds %s of shape %s" % (pixels.dtype, pixels.shape))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def recoloured(pixels: Any, channels: int) -> Any:
    """Pixels with other channels: grey, colour, or either without transparency."""
    found = pixels.shape[-1]
    if found == channels:
        return pixels
    if channels not in (1, 3) or found > 4:
        raise ValueError("it has %d channels, the model takes %d" % (found, channels))
    solid = pixels[..., : 1 if found < 3 else 3]
    if solid.shape[-1] == channels:
        return solid
    if channels == 3:
        return np.repeat(solid, 3, axis=-1)
    return np.rint(solid @ np.array(LUMA))[..., None]


def overlap(source: int, target: int) -> Any:
    """What each of `source` pixels in a row gives to each of `target` pixels.

    Bilinear, over all pixels that fall into one: a triangle as wide as a new pixel.
    """
    step = source / target
    centres = (np.arange(target) + 0.5) * step
    distances = np.abs(np.arange(source) + 0.5 - centres[:, None])
    weights = np.maximum(0, 1 - distances / max(1.0, step))
    return weights / weights.sum(axis=1, keepdims=True)


def resized(pixels: Any, height: int, width: int) -> Any:
    """Pixels in another size, shape `(height, width, channels)`."""
    if pixels.shape[:2] == (height, width):
        return pixels
    rows, columns = overlap(pixels.shape[0], height), overlap(pixels.shape[1], width)
    tall = np.tensordot(rows, pixels, 1)
    return np.rint(np.tensordot(columns, tall, ((1,), (1,))).transpose(1, 0, 2))


def as_input(pixels: Any, details: Any) -> Any:
    """Pixels in 0..255 as the model's input tensor takes them."""
    _, height, width, channels = (int(extent) for extent in details["shape"])
    fitted = resized(recoloured(pixels, channels), height, width)
    images = fitted[None].astype(np.float32) / np.float32(255)
    if np.issubdtype(details["dtype"], np.floating):
        return images
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    steps = np.clip(np.round(images / scale) + zero, limits.min, limits.max)
    return steps.astype(details["dtype"])


def probabilities(output: Any, details: Any) -> Any:
    """The softmax of the model's output."""
    logits = output.astype(np.float64)
    if not np.issubdtype(details["dtype"], np.floating):
        scale, zero = details["quantization"]
        logits = scale * (logits - zero)
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def classify(model: Any, pixels: Any) -> Tuple[int, float]:
    """The class of an image, and its probability."""
    (source,), (result,) = model.get_input_details(), model.get_output_details()
    model.set_tensor(source["index"], as_input(pixels, source))
    model.invoke()
    found = probabilities(model.get_tensor(result["index"])[0], result)
    return int(np.argmax(found)), float(np.max(found))


def main() -> None:
    """Classify the files that are named."""
    if len(sys.argv) < 2:
        raise SystemExit("Usage: python infer.py IMAGE...")
    folder = Path(__file__).resolve().parent
    labels = (folder / "labels.txt").read_text(encoding="utf-8").split("\n")
    model = find_runtime().Interpreter(model_path=str(find_model(folder)))
    model.allocate_tensors()
    for name in sys.argv[1:]:
        try:
            label, probability = classify(model, read_image(Path(name)))
        except (OSError, ValueError) as error:
            raise SystemExit("%s cannot be read: %s" % (name, error)) from None
        print("%s\t%s\t%.3f" % (name, labels[label], probability))


if __name__ == "__main__":
    main()
