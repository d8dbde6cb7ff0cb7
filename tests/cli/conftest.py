import json

import pytest
from commands import succeed
from stand_ins import steady_cpu

from tfnas.latency import profile

SPACE = "input_shape = [8, 8, 1]\nnum_classes = 3\nnodes = 1\nchannels = 4\n"


@pytest.fixture(scope="session")
def main_job(tmp_path_factory, tiny_npz):
    """A folder where the main job was done once, as a user does it, on a tiny task."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        steady_cpu(patch)
        patch.setattr(profile, "FIT_NETWORKS", 5)
        patch.setattr(profile, "HELDOUT_NETWORKS", 5)
        (folder / "space.toml").write_text(SPACE)
        table = ["--output", "table.json", "--runs", 5, "--warmup", 1, "--threads", 1]
        profiled = succeed(
            *("profile", "--target", "cpu", "--space", "space.toml", "--json"), *table
        )
        searched = succeed(
            *("search", "--data", tiny_npz, "--table", "table.json", "--epochs", 1),
            *("--batch-size", 32, "--run", "first", "--seed", 1, "--json"),
            *("--mode", "sampled", "--hypernetwork", "mlp", "--sampler", "dirichlet"),
            *("--order", 1, "--precision", "float32", "--patience", 3),
            *("--strategy", "single", "--keep", 2),
        )
        exported = succeed(
            *("export", "--budget", "0.3,0.5,0.2", "--epochs", 2, "--batch-size", 16),
            *("--seed", 1, "--json"),
        )
    return folder, *(json.loads(text) for text in (profiled, searched, exported))


@pytest.fixture
def inside(main_job, monkeypatch):
    """The same, and the test runs in that folder."""
    monkeypatch.chdir(main_job[0])
    steady_cpu(monkeypatch)
    return main_job


@pytest.fixture(scope="session")
def swept(main_job):
    """What `tfnas family` said of the run, of few points; its file stays there."""
    few = ("--points", 60, "--members", 3, "--overwrite", "--json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(main_job[0])
        return json.loads(succeed("family", "--run", "first", *few))
