import json
import random

import pytest

from tfnas.errors import SettingsError
from tfnas.spaces.architecture import Architecture, random_architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.chain import ChainSpace
from tfnas.spaces.site import SUM

POOL, SKIP, CONV = range(3)
WITH_NONE = CellSpace(nodes=2, ops=("none", "skip_connect", "sep_conv_3x3"))


def test_an_architecture_reads_back_equal_and_names_its_ops():
    space = CellSpace(nodes=1)
    architecture = Architecture(space, (POOL, SKIP, CONV, CONV))

    values = json.loads(json.dumps(architecture.to_dict()))

    assert values["ops"]["reduction 1->2"] == "sep_conv_3x3"
    assert Architecture.from_dict(values) == architecture
    assert architecture.op_counts == {
        "max_pool_3x3": 1,
        "skip_connect": 1,
        "sep_conv_3x3": 2,
    }


@pytest.mark.parametrize("indices", [(0,) * 27, (3,) * 28, (-1,) * 28])
def test_indices_that_do_not_fit_the_space_are_refused(indices):
    with pytest.raises(SettingsError, match=r"op index must be|has 28 ops"):
        Architecture(CellSpace(), indices)


def ops_of(architecture):
    return [site for site in architecture.entries if site.op != SUM]


def test_equal_pools_of_one_state_run_once_and_convolutions_each():
    pools = Architecture(CellSpace(), (POOL,) * 28)
    convolutions = Architecture(CellSpace(), (CONV,) * 28)

    # a cell has 14 edges but only 5 states that edges start from
    assert len(ops_of(pools)) == 3 * 5
    assert len(ops_of(convolutions)) == 3 * 14


def test_edges_from_a_dead_node_do_not_run():
    # normal cell: node 2 gets nothing; node 3 a convolution from input 0 and an
    # identity from node 2, which carries nothing
    normal, reduction = (0, 0, 2, 0, 1), (1, 1, 1, 1, 1)
    architecture = Architecture(WITH_NONE, normal + reduction)

    assert WITH_NONE.live_nodes("normal", architecture.ops) == (3,)
    assert [str(site) for site in ops_of(architecture)][:1] == [
        "sep_conv_3x3 28x28x16->16 /1"
    ]
    assert len(ops_of(architecture)) == 1 + 2 * 5


def test_a_cell_without_a_live_path_is_refused_with_a_sentence():
    with pytest.raises(SettingsError, match="No path leads through the normal cell"):
        Architecture(WITH_NONE, (0, 0, 0, 0, 1) + (1,) * 5)


def test_random_networks_span_the_space_and_are_never_cut_off():
    space = CellSpace(nodes=1, ops=("none", "sep_conv_3x3"))
    rng = random.Random(0)

    counts = [random_architecture(space, rng).op_counts["none"] for _ in range(50)]

    assert {0, 1, 2} == set(counts)  # one edge of each kind of cell must live


def test_an_op_where_it_may_not_stand_is_refused():
    chain = ChainSpace(stages=((16, 1, 1), (32, 1, 2)))

    with pytest.raises(SettingsError, match="skip may not stand at block 1"):
        Architecture.of_ops(chain, ("skip", "skip"))


def test_random_networks_of_a_chain_hold_no_op_that_is_barred():
    chain = ChainSpace(barred=((0, "skip"), (0, "conv_3x3")))
    rng = random.Random(0)

    drawn = [random_architecture(chain, rng).ops for _ in range(200)]

    # block 0 keeps its shape, block 2 changes it: there nothing may be empty
    assert {ops[0] for ops in drawn} == {"ir_k3_e3", "ir_k5_e3", "fused_k3_e3"}
    assert {ops[1] for ops in drawn} == set(chain.ops)
    assert {ops[2] for ops in drawn} == set(chain.ops) - {"skip"}
