import pytest
from stand_ins import TINY

from tfnas.networks.activations import arena_guess
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.load import read_space

MICRO = read_space("micro")


@pytest.mark.parametrize(
    ("blocks", "alive", "ops", "channels"),
    [
        # two maps of 14x14x8, and a chain of 8, 8, 32, 64, pool, 10
        ({0: "patches_8_8", 4: "plain_3x3"}, 2 * 14 * 14 * 8, 6, 186),
        # a fused block: its input, waiting for the sum, what it widens to, its output
        (
            {0: "patches_8_8", 1: "fused_k3_e3", 4: "plain_3x3"},
            7 * 7 * (32 + 96 + 32),
            9,
            186 + 96 + 32 + 32,
        ),
    ],
)
def test_maps_that_are_alive_and_what_is_kept_of_ops_are_counted(
    blocks, alive, ops, channels
):
    taken = [blocks.get(number, "skip") for number in range(8)]

    guess = arena_guess(Architecture.of_ops(MICRO, taken))

    assert guess == alive + 350 * ops + 6 * channels


def test_convolutions_of_a_cell_need_more_than_identities():
    convolutions = arena_guess(Architecture(TINY, (2, 2, 2, 2)))

    assert convolutions > arena_guess(Architecture(TINY, (1, 1, 1, 1)))
