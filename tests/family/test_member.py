import numpy as np
import pytest
from stand_ins import MEMBER, TAKEN, limited

from tfnas.errors import LimitError
from tfnas.family.member import require_untrained, untrained_bytes
from tfnas.networks.build import build


def test_a_members_facts_are_those_counted_by_hand():
    facts = TAKEN.facts()

    # normal: convolution with 4 channels; reduction: convolutions with 8 and 16
    convolutions = [2 * (9 * c + c * c) + 4 * c for c in (4, 8, 16)]
    assert facts["op_params"] == sum(convolutions)
    assert facts["op_counts"] == {
        "max_pool_3x3": 1,
        "skip_connect": 1,
        "sep_conv_3x3": 2,
    }
    assert facts["params"] == sum(
        int(np.prod(weight.shape)) for weight in build(MEMBER).trainable_weights
    )
    assert facts["predicted_latency_ms"] == 1 + 2 * (2 + 3 + 2 * (1 + 3))


def test_a_limit_on_size_is_held_against_the_precision_that_is_handed_over():
    sizes = {p: untrained_bytes(TAKEN, p)["size_bytes"] for p in ("int8", "float32")}
    small, large = sorted(sizes, key=sizes.get)
    between = limited(size_bytes=sizes[small])

    assert sizes[small] < sizes[large]
    require_untrained(between, small)
    with pytest.raises(LimitError, match="bytes of flash"):
        require_untrained(between, large)


def test_memory_is_told_without_measuring_time(monkeypatch):
    monkeypatch.setattr("tfnas.family.member.on_target", None)

    assert untrained_bytes(TAKEN)["size_bytes"] > 0
