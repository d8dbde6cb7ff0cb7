import sys

import pytest

from tfnas.errors import TargetError
from tfnas.latency.probes import site_model
from tfnas.spaces.site import Site
from tfnas.tflite import arena

SAID = """[RecordingMicroAllocator] Arena allocation total 26208 bytes
[RecordingMicroAllocator] Arena allocation head 25088 bytes
"""


@pytest.mark.skipif(
    not arena.is_installed(), reason="tflite-micro has no wheel for this platform"
)
def test_one_convolution_needs_its_input_and_its_output_and_little_more():
    told = arena.arena_bytes(site_model(Site("conv_1x1", 28, 28, 16, 16)))

    activations = 2 * 28 * 28 * 16
    assert activations <= told < activations + 2048


def test_the_total_is_read_from_what_the_planner_prints():
    assert arena.parse_allocations(SAID) == 26208


def test_another_output_is_refused():
    with pytest.raises(TargetError, match="of another version"):
        arena.parse_allocations("Arena: 5 kB")


def test_a_model_it_cannot_read_is_one_line(monkeypatch):
    monkeypatch.setattr(arena, "is_installed", lambda: True)

    with pytest.raises(TargetError, match=f"{sys.executable} failed with code 1"):
        arena.arena_bytes(b"no flatbuffer at all")


def test_without_tflite_micro_it_says_where_to_get_it(monkeypatch):
    monkeypatch.setattr(arena, "is_installed", lambda: False)

    with pytest.raises(TargetError, match=r"pip install 'tfnas\[micro\]'"):
        arena.arena_bytes(b"")
