import random
from collections import Counter

import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfnas.errors import ModelError
from tfnas.latency import probes as site_models
from tfnas.latency.probes import network_model, site_model
from tfnas.spaces.architecture import Architecture, random_architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.ops import OPS
from tfnas.spaces.site import SUM, Site
from tfnas.spaces.space import DEPLOYABLE
from tfnas.tflite.graph import check_int8, graph

POOLS = ("max_pool_3x3", "avg_pool_3x3")
PLACED = [(op.name, n) for op in OPS.values() if op.chain for n in op.strides]


@pytest.mark.parametrize(("op", "stride"), PLACED)
def test_a_site_converts_to_the_ops_it_is_made_of_and_nothing_else(op, stride):
    if (op, stride) == ("skip_connect", 1):
        pytest.skip("an identity has no op to convert")

    ops = check_int8(site_model(Site(op, 9, 8, 4, 4, stride)), DEPLOYABLE)

    kernels = {"max": ["MAX_POOL_2D"], "avg": ["AVERAGE_POOL_2D"]}
    separable = ["DEPTHWISE_CONV_2D", "CONV_2D"]
    expected = {
        "sep": separable * 2,
        "dil": ["CONV_2D", *separable],
        "ir_": ["CONV_2D", *separable],
        "fus": ["CONV_2D", "CONV_2D"],
        # one separable convolution, where sep_conv_3x3 has two
        **dict.fromkeys(("sep_3x3", "plain_sep_3x3"), separable),
        "pat": ["CONV_2D"] * (op.count("_") + 1),
        "ste": ["CONV_2D"] * (op.count("_") + 1),
        **kernels,
    }
    if op.endswith("e1"):  # without its first 1x1
        expected["ir_"] = separable
    assert ops == expected.get(op, expected.get(op[:3], ["CONV_2D"]))


def test_an_op_that_keeps_its_shape_is_repeated_in_a_row():
    ops = check_int8(site_model(Site("sep_conv_3x3", 8, 8, 4, 4), 4), DEPLOYABLE)

    assert ops == ["DEPTHWISE_CONV_2D", "CONV_2D"] * 2 * 4


def test_an_op_that_changes_its_channels_is_repeated_side_by_side():
    site = Site("conv_3x3", 8, 8, 4, 6)  # at stride 1

    ops = check_int8(site_model(site, 2), DEPLOYABLE)

    assert sorted(ops) == ["ADD", "CONV_2D", "CONV_2D", "CONV_2D"]


@pytest.mark.parametrize("op", ["max_pool_3x3", "skip_connect"])
def test_an_op_that_halves_is_repeated_side_by_side_and_none_is_merged(op):
    site = Site(op, 8, 8, 4, 4, 2)
    alone = Counter(check_int8(site_model(site), DEPLOYABLE))
    found = Counter(check_int8(site_model(site, 4), DEPLOYABLE))

    copies = Counter({kind: 4 * number for kind, number in alone.items()})
    assert found == copies + Counter({"CONV_2D": 3, "ADD": 3})


def test_a_site_that_converts_to_something_else_is_refused(monkeypatch):
    monkeypatch.setitem(site_models._CONVERTED, "MaxPooling2D", "CONV_2D")

    with pytest.raises(ModelError, match=r"max_pool.* converts to \['MAX_POOL_2D'\]"):
        site_model(Site("max_pool_3x3", 8, 8, 4, 4))


def test_equal_pools_become_one_op_in_a_whole_network():
    space = CellSpace((8, 8, 1), 3, channels=4)
    pools = Architecture(space, (0,) * 28)

    counts = Counter(graph(network_model(pools))[0])

    assert (
        counts["MAX_POOL_2D"]
        == len([s for s in pools.entries if s.op == "max_pool_3x3"])
        == 15
    )


def sums_of(member):
    return [site for site in member.entries if site.op == SUM]


def test_a_sum_converts_to_one_op_and_repeats_in_a_row():
    site = Site("add", 8, 8, 4, 4)

    assert check_int8(site_model(site), DEPLOYABLE) == ["ADD"]
    assert check_int8(site_model(site, 4), DEPLOYABLE) == ["ADD"] * 4


# Nodes add 2, 3, 4 and 5 states. Convolutions share no sum: 1 + 2 + 3 + 4 in 3 cells.
# Pools share all but the last of each: 4 in 3 cells. Identities do so in the normal
# cell; in the others those of the cell's inputs halve by convolutions of their own.
@pytest.mark.parametrize(
    ("op", "sums"), [("sep_conv_3x3", 30), ("max_pool_3x3", 12), ("skip_connect", 24)]
)
def test_equal_first_sums_of_nodes_become_one_op(op, sums):
    space = CellSpace((8, 8, 1), 3, channels=4)
    member = Architecture(space, (space.ops.index(op),) * 28)

    counts = Counter(graph(network_model(member))[0])

    assert counts["ADD"] == len(sums_of(member)) == sums


@pytest.mark.parametrize("seed", range(4))
def test_every_sum_of_a_network_has_a_price(seed):
    space = CellSpace((8, 8, 1), 3, channels=4, ops=("none", "skip_connect", *POOLS))
    member = random_architecture(space, random.Random(seed))

    counts = Counter(graph(network_model(member))[0])

    assert counts["ADD"] == len(sums_of(member))
    assert {*sums_of(member)} <= {*space.all_sites}


@pytest.mark.parametrize("seed", [4, 7, 13])
def test_fresh_weights_leave_no_sum_to_slow_kernels(seed):
    # with batch norms that have seen nothing, these three have ratios below 1/1024
    space = CellSpace((8, 8, 1), 3, channels=4)
    model = network_model(random_architecture(space, random.Random(seed)))
    kernels = Interpreter(
        model_content=model,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    kernels.allocate_tensors()

    scales = {t["index"]: t["quantization"][0] for t in kernels.get_tensor_details()}
    ratios = [
        scales[int(term)] / scales[int(op["outputs"][0])]
        for op in kernels._get_ops_details()
        if op["op_name"] == "ADD"
        for term in op["inputs"]
    ]

    assert len(ratios) > 20
    assert min(ratios) > 1 / 1024


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_any_network_of_all_ops_converts_to_int8_and_to_ops_with_a_price(seed):
    space = CellSpace(ops=(*(op for op, n in PLACED if n == 1), "none"))
    member = random_architecture(space, random.Random(seed))

    assert "CONV_2D" in check_int8(network_model(member), DEPLOYABLE)
