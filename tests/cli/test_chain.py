"""A chain of blocks from a profile to checked files: a space like any other."""

import json
from pathlib import Path

import pytest
from commands import run, succeed
from stand_ins import steady_cpu

from tfnas.deploy.quantize import missing_for_qat
from tfnas.latency import profile as profiling

CHAIN = """
kind = "chain"
input_shape = [8, 8, 1]
num_classes = 3
stem = 4
stages = [[4, 2, 1], [8, 1, 2]]
head = 8
ops = ["skip", "ir_k3_e3", "fused_k3_e3", "conv_3x3"]
barred = [[1, "fused_k3_e3"]]

[groups]
skip = ["skip"]
depthwise = ["ir_k3_e3"]
dense = ["fused_k3_e3", "conv_3x3"]
"""
DENSE = ("skip=0.3", "depthwise=0.6", "dense=0.1")


@pytest.fixture(scope="module")
def chain(tmp_path_factory, tiny_npz):
    """A folder where a tiny chain was profiled, searched, derived and exported."""
    folder = tmp_path_factory.mktemp("chain")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        steady_cpu(patch)
        patch.setattr(profiling, "FIT_NETWORKS", 4)
        patch.setattr(profiling, "HELDOUT_NETWORKS", 3)
        Path("chain.toml").write_text(CHAIN)
        few = ("--space", "chain.toml", "--runs", 3, "--warmup", 1)
        succeed("profile", *few, "--output", "cpu.json")
        searched = ("--data", tiny_npz, "--epochs", 2, "--batch-size", 32)
        succeed("search", "--table", "cpu.json", *searched, "--run", "chain")
        few = ("--points", 60, "--members", 3, "--json")
        family = json.loads(succeed("family", *few))
        asked = ("--budget", ",".join(DENSE), "--epochs", 20, "--batch-size", 16)
        (card,) = json.loads(succeed("export", *asked, "--json"))
        yield folder, family, card


@pytest.fixture
def inside(chain, monkeypatch):
    monkeypatch.chdir(chain[0])
    steady_cpu(monkeypatch)
    return chain


def test_a_budget_is_a_price_for_every_group_of_ops(inside):
    _, _, card = inside

    assert card["budget"] == pytest.approx(
        {"skip": 0.3, "depthwise": 0.6, "dense": 0.1}
    )
    assert [*card["op_counts"]] == ["skip", "ir_k3_e3", "fused_k3_e3", "conv_3x3"]
    assert [*card["architecture"]] == ["block 0", "block 1", "block 2"]
    assert card["architecture"]["block 1"] != "fused_k3_e3"  # barred there
    assert card["architecture"]["block 2"] != "skip"  # changes the shape


def test_an_export_is_int8_measured_and_holds_when_checked_again(inside):
    _, _, card = inside

    assert card["precision"] == "int8"
    assert card["measured_latency_ms"] > 0
    assert card["int8_accuracy"] > 0.5  # of three classes
    checked = json.loads(succeed("validate", card["folder"], "--json"))
    assert checked["differs"] == {}


def test_derive_and_family_show_members_of_the_chain(inside):
    _, family, card = inside

    (told,) = json.loads(succeed("derive", "--budget", ",".join(DENSE), "--json"))
    assert told["architecture"] == card["architecture"]
    assert family["members"] >= 1
    assert family["ranges"]["latency_ms"]["min"] < family["ranges"]["latency_ms"]["max"]
    # 3 choices of 4, 3 and 3 ops
    assert family["members"] <= 4 * 3 * 3


def test_a_limit_takes_a_member_of_the_chain(inside):
    (told,) = json.loads(succeed("derive", "--max-latency", "1s", "--json"))

    assert told["limits"] == {"latency_ms": 1000}
    refused = run("derive", "--max-params", "1")
    assert refused.exit_code == 2
    assert "No network keeps params 1" in refused.stderr


@pytest.mark.skipif(
    bool(missing_for_qat()), reason="QAT is an optional extra: tfnas[qat]"
)
def test_a_chain_is_trained_with_int8_in_the_loop(inside):
    asked = ("--budget", "skip=0.6,depthwise=0.2,dense=0.2", "--qat")
    trained = ("--epochs", 8, "--batch-size", 16)
    (card,) = json.loads(succeed("export", *asked, *trained, "--json"))

    assert card["quantization"] == "quantization-aware"
    assert card["int8_accuracy"] > 0.5  # of three classes


def test_a_chain_is_priced_and_exported_for_an_ethos_u(inside, monkeypatch):
    pytest.importorskip("ethosu", reason="vela is an optional extra: tfnas[ethos-u]")
    monkeypatch.setattr(profiling, "FIT_NETWORKS", 4)
    monkeypatch.setattr(profiling, "HELDOUT_NETWORKS", 3)
    u55 = ("--target", "ethos-u55-128", "--output", "u55.json")

    told = json.loads(succeed("profile", "--space", "chain.toml", *u55, "--json"))
    asked = ("--budget", "0.4,0.3,0.3", "--table", "u55.json", "--epochs", 0)
    (card,) = json.loads(succeed("export", *asked, "--json"))

    assert told["kind"] == "vendor-estimate"
    # vela's numbers have no noise, and blocks of one chain share nothing
    assert told["heldout_median_error"] < 1e-3
    assert card["estimated_latency_ms"] == pytest.approx(
        card["predicted_latency_ms"], rel=1e-3
    )
    assert (Path(card["folder"]) / "model_int8_vela.tflite").exists()
