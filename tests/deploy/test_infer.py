import ast
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from stand_ins import TAKEN, TINY, stand_in_table

from tfnas.data.resize import fit
from tfnas.deploy import infer
from tfnas.deploy.export import export_member
from tfnas.deploy.handover import INFER, hand_over
from tfnas.deploy.settings import TrainConfig
from tfnas.search.run import Run
from tfnas.search.settings import SearchConfig

CLASSES = ("Schr\u00e4nke", "two\nlines", " spaces ")
LABELS = ["Schr\u00e4nke", r"two\nlines", " spaces "]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_data):
    """An exported member, whose input is not simply `pixel - 128`: images are dark."""
    run = Run(tmp_path_factory.mktemp("run"))
    run.create(SearchConfig(), stand_in_table(TINY))
    dark = {part: getattr(tiny_data, part) // 2 for part in ("x_train", "x_test")}
    data = replace(tiny_data, **dark, classes=CLASSES)
    config = TrainConfig(epochs=2, batch_size=16, quantize="int8")
    return Path(export_member(TAKEN, data, config, run)["folder"])


def ran(folder, *files):
    command = [sys.executable, str(folder / "infer.py"), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True)


def lines(folder, *files):
    done = ran(folder, *files)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def by_the_interpreter(path, images):
    """Logits of images in 0..1, by the runtime itself."""
    model = Interpreter(str(path))
    model.allocate_tensors()
    (source,), (result,) = model.get_input_details(), model.get_output_details()
    (scale, zero), (step, offset) = source["quantization"], result["quantization"]
    assert scale < 0.9 / 255  # else pixel - 128 would do
    logits = []
    for image in images:
        steps = np.clip(np.round(image / scale) + zero, -128, 127).astype(np.int8)
        model.set_tensor(source["index"], steps[None])
        model.invoke()
        logits.append(step * (model.get_tensor(result["index"])[0] - float(offset)))
    return np.array(logits)


def test_the_script_says_what_the_interpreter_says(folder, tmp_path, tiny_data):
    images = tiny_data.x_test[:12] // 2
    files = [tmp_path / f"{index}.npy" for index in range(12)]
    for file, image in zip(files, images, strict=True):
        np.save(file, image)

    found = lines(folder, *files)

    scaled = images.astype(np.float32) / np.float32(255)
    logits = by_the_interpreter(folder / "model_int8.tflite", scaled)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = [LABELS[best] for best in chances.argmax(axis=1)]
    assert len({*expected}) == 3
    assert [(file, label) for file, label, _ in found] == [
        (str(file), label) for file, label in zip(files, expected, strict=True)
    ]
    shown = [float(chance) for _, _, chance in found]
    np.testing.assert_allclose(shown, chances.max(axis=1), atol=5e-4)


def test_grey_and_colour_files_without_pillow_give_the_same(
    folder, tmp_path, tiny_data
):
    image = tiny_data.x_test[0] // 2
    np.save(tmp_path / "a.npy", image[..., 0])
    (tmp_path / "a.pgm").write_bytes(b"P5 # grey\n8\n8 255\n" + image.tobytes())
    colour = np.repeat(image, 3, axis=-1)
    (tmp_path / "a.ppm").write_bytes(b"P6\n8 8\n255\n" + colour.tobytes())

    found = lines(folder, *(tmp_path / f"a.{kind}" for kind in ("npy", "pgm", "ppm")))

    assert len({(label, chance) for _, label, chance in found}) == 1


def test_the_export_has_one_label_a_line(folder):
    text = (folder / "labels.txt").read_text(encoding="utf-8")

    assert text == "".join(f"{label}\n" for label in LABELS)
    assert (folder / "infer.py").read_bytes() == INFER.read_bytes()


def test_no_name_breaks_a_line(tmp_path):
    names = ["a\r\nb\x85c\u2028d\u2029e", "file\udcff", "\t", "", "\u200dzwj \u00a0"]

    hand_over(tmp_path, names)

    text = (tmp_path / "labels.txt").read_text(encoding="utf-8")
    escaped = r"a\r\nb\x85c\u2028d\u2029e"
    assert text.splitlines() == [escaped, r"file\udcff", r"\t", "", names[-1]]


@pytest.mark.parametrize("shape", [(8, 8, 1), (5, 13, 3), (40, 9, 1), (7, 7, 4)])
@pytest.mark.parametrize("wanted", [(8, 8, 1), (8, 8, 3), (3, 20, 3)])
def test_images_are_prepared_as_those_of_the_training(shape, wanted):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)

    ours = infer.resized(infer.recoloured(image, wanted[2]), *wanted[:2])

    difference = np.abs(ours.astype(int) - fit(image, wanted).astype(int))
    assert (
        difference.max() <= 1
    )  # float32 there, float64 here: a half rounds up or down
    assert np.mean(difference > 0) < 0.02


def test_a_float_model_is_fed_floats(folder, tmp_path, tiny_data):
    import keras

    from tfnas.networks.convert import convert_float

    float_folder = tmp_path / "float"
    hand_over(float_folder, CLASSES)
    model = keras.models.load_model(folder / "model.keras")
    (float_folder / "model_float32.tflite").write_bytes(convert_float(model, "float32"))
    np.save(tmp_path / "a.npy", tiny_data.x_test[0] // 2)

    ((_, label, chance),) = lines(float_folder, tmp_path / "a.npy")

    scaled = (tiny_data.x_test[:1] // 2).astype(np.float32) / np.float32(255)
    logits = np.array(model(scaled))[0].astype(float)
    chances = np.exp(logits) / np.exp(logits).sum()
    assert label == LABELS[chances.argmax()]
    assert float(chance) == pytest.approx(chances.max(), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (None, b"", "Usage: python infer.py IMAGE..."),
        ("gone.npy", None, "gone.npy cannot be read: [Errno 2]"),
        ("a.npy", b"no array", "a.npy cannot be read: "),
        ("float.npy", np.zeros((8, 8)), "it holds float64 of shape (8, 8)"),
        ("flat.npy", np.zeros(8, np.uint8), "it holds uint8 of shape (8,)"),
        (
            "five.npy",
            np.zeros((8, 8, 5), np.uint8),
            "has 5 channels, the model takes 1",
        ),
        ("a.pgm", b"P2 8 8 255 1 2 3", "it is no binary .pgm or .ppm file of 8 bits"),
        ("a.ppm", b"P6 8 8 65535 " + bytes(384), "it is no binary .pgm or .ppm"),
        ("torn.pgm", b"P5 8 8 255 torn", "torn.pgm cannot be read: "),
    ],
)
def test_what_cannot_be_classified_is_one_line(
    folder, tmp_path, name, content, message
):
    if isinstance(content, np.ndarray):
        np.save(tmp_path / name, content)
    elif content is not None and name:
        (tmp_path / name).write_bytes(content)

    done = ran(folder, *([tmp_path / name] if name else []))

    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(SystemExit, match=r"No model_int8\.tflite, model_dynamic"):
        infer.find_model(tmp_path)


def test_without_a_runtime_it_says_what_was_tried(monkeypatch):
    for module, _ in infer.RUNTIMES:
        monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(SystemExit, match=r"No TFLite runtime here \(ai-edge-litert: "):
        infer.find_runtime()


def test_without_pillow_other_images_say_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(SystemExit, match=r"a.png: Pillow is not .*pip install pillow"):
        infer.read_image(Path("a.png"))


@pytest.mark.parametrize(
    ("mode", "wanted"), [("LA", "L"), ("P", "RGB"), ("RGBA", "RGB")]
)
def test_pillow_is_asked_for_grey_or_colour(monkeypatch, mode, wanted):
    class Opened:
        """Stand-in for an image of Pillow."""

        def __init__(self):
            self.mode = mode

        def convert(self, to):
            assert to == wanted
            return np.zeros((4, 5) if to == "L" else (4, 5, 3), np.uint8)

    module = ModuleType("PIL.Image")
    module.open = lambda path: nullcontext(Opened())
    monkeypatch.setitem(sys.modules, "PIL", SimpleNamespace(Image=module))
    monkeypatch.setitem(sys.modules, "PIL.Image", module)

    image = infer.read_image(Path("a.png"))

    assert image.shape == (4, 5, 1 if wanted == "L" else 3)


def test_sixteen_bits_of_pillow_become_eight(monkeypatch):
    class Opened:
        """Stand-in for a grey image of Pillow with 16 bits."""

        mode = "I;16"

        def __array__(self, dtype=None, copy=None):
            return np.array([[0, 255, 256, 65535]], np.uint16)

    module = ModuleType("PIL.Image")
    module.open = lambda path: nullcontext(Opened())
    monkeypatch.setitem(sys.modules, "PIL", SimpleNamespace(Image=module))
    monkeypatch.setitem(sys.modules, "PIL.Image", module)

    image = infer.read_image(Path("a.png"))

    assert image.dtype == np.uint8
    assert image[0, :, 0].tolist() == [0, 0, 1, 255]


def test_the_script_is_python_of_boards_and_needs_numpy_alone():
    tree = ast.parse(INFER.read_text(encoding="utf-8"), feature_version=(3, 7))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }

    assert names - sys.stdlib_module_names == {"numpy"}


def test_the_folder_may_be_taken_anywhere(folder, tmp_path, tiny_data):
    for name in ("infer.py", "labels.txt", "model_int8.tflite"):
        shutil.copy(folder / name, tmp_path / name)
    np.save(tmp_path / "a.npy", tiny_data.x_test[0] // 2)

    assert len(lines(tmp_path, tmp_path / "a.npy")) == 1
