import pytest

from tfnas.latency.probes import network_model
from tfnas.networks.activations import arena_guess
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.load import read_space
from tfnas.tflite import arena

MICRO = read_space("micro")
REST = ("skip", "skip", "plain_3x3", "skip", "skip", "skip")


@pytest.mark.parametrize(
    ("blocks", "alive", "ops", "channels"),
    [
        # two maps of 14x14x8, and a chain of 8, 8, 32, 64, what is flat, 10
        ({0: "patches_8_8", 4: "plain_3x3"}, 2 * 14 * 14 * 8, 6, 122),
        # a fused block: its input, waiting for the sum, what it widens to, its output
        (
            {0: "patches_8_8", 1: "fused_k3_e3", 4: "plain_3x3"},
            7 * 7 * (32 + 96 + 32),
            9,
            122 + 96 + 32 + 32,
        ),
    ],
)
def test_maps_that_are_alive_and_what_is_kept_of_ops_are_counted(
    blocks, alive, ops, channels
):
    taken = [blocks.get(number, "skip") for number in range(8)]

    guess = arena_guess(Architecture.of_ops(MICRO, taken))

    assert guess == alive + 350 * ops + 6 * channels


@pytest.mark.skipif(
    not arena.is_installed(), reason="tflite-micro has no wheel for this platform"
)
@pytest.mark.parametrize(
    ("network", "off"),
    [
        (Architecture.of_ops(MICRO, ["patches_8_8", "fused_k3_e3", *REST]), 0.05),
        # 28 pools: were equal ones not counted once, it would be off by .29
        (Architecture(CellSpace(), (0,) * 28), 0.2),
    ],
)
def test_it_is_near_to_what_tflite_micro_plans(network, off):
    planned = arena.arena_bytes(network_model(network))

    assert arena_guess(network) == pytest.approx(planned, rel=off)
