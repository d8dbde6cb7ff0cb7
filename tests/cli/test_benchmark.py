import json

from commands import exported_folder, succeed


def test_any_models_are_set_side_by_side(inside, tiny_npz):
    file = exported_folder(inside) / "model_int8.tflite"
    quick = ("--data", tiny_npz, "--runs", 3, "--warmup", 1, "--json")
    rows = json.loads(succeed("benchmark", file, file, *quick))

    # the same file is one row; a copy is another
    assert [row["model"] for row in rows] == [str(file)]
    card = json.loads((file.parent / "card.json").read_text())
    assert rows[0]["accuracy"] == card["int8_accuracy"]
    assert 0 < rows[0]["median_ms"] <= rows[0]["p90_ms"]
    assert (rows[0]["accelerator_ops"], rows[0]["kind"]) == (0, "measured")
    text = succeed("benchmark", file, "--runs", 3, "--target", "cpu")
    assert text.splitlines()[-1].endswith(str(file))
