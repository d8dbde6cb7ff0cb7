import random
from collections import Counter

import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from stand_ins import TINY

from tfnas.errors import ModelError, TableError
from tfnas.latency import probes as site_models
from tfnas.latency import profile as profiling
from tfnas.latency.journal import Journal
from tfnas.latency.probes import network_model, site_model
from tfnas.latency.profile import profile, skeleton
from tfnas.spaces.architecture import Architecture, random_architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.ops import OP_NAMES
from tfnas.spaces.site import Site
from tfnas.targets.measurement import UNUSABLE, Measurement
from tfnas.tflite.graph import check_int8, graph

HEADER = {"target": "stand-in"}
POOLS = ("max_pool_3x3", "avg_pool_3x3")


class StandInDevice:
    """Answers with times from a list of ops; counts what it was asked to measure."""

    about, options, rounds, suffix = "a stand-in", (), 2, ""
    per_tensor_dense, call_ms, repeats = False, 0.0, (1,)

    def __init__(self, dies_after=None):
        self.name = self.kind = "stand-in"
        self.device = {"cpu": "stand-in", "threads": "1"}
        self.reach = {}
        self.conditions = {"temperature_c": "40 to 41"}
        self.measured = []
        self.dies_after = dies_after

    @staticmethod
    def missing(address):
        return []

    def compile(self, model):
        return model

    def measure(self, models, runs, warmup):
        for model in models:
            if len(self.measured) == self.dies_after:
                raise KeyboardInterrupt
            self.measured.append(model)
            ops = Counter(graph(model)[0])
            ms = 1 + 3 * ops["DEPTHWISE_CONV_2D"] + ops["MAX_POOL_2D"]
            yield Measurement((float(ms),) * runs)


@pytest.fixture
def quick(monkeypatch):
    """Few networks: converting is what takes time."""
    monkeypatch.setattr(profiling, "FIT_NETWORKS", 3)
    monkeypatch.setattr(profiling, "HELDOUT_NETWORKS", 2)


@pytest.mark.parametrize("op", [op for op in OP_NAMES if op != "none"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_site_converts_to_the_ops_it_is_made_of_and_nothing_else(op, stride):
    if (op, stride) == ("skip_connect", 1):
        pytest.skip("an identity has no op to convert")

    ops = check_int8(site_model(Site(op, 9, 8, 4, 4, stride)))

    kernels = {"max": ["MAX_POOL_2D"], "avg": ["AVERAGE_POOL_2D"]}
    separable = ["DEPTHWISE_CONV_2D", "CONV_2D"]
    expected = {
        "sep": separable * 2,
        "dil": ["CONV_2D", *separable],
        **kernels,
    }
    assert ops == expected.get(op[:3], ["CONV_2D"])


def test_an_op_that_keeps_its_shape_is_repeated_in_a_row():
    ops = check_int8(site_model(Site("sep_conv_3x3", 8, 8, 4, 4), 4))

    assert ops == ["DEPTHWISE_CONV_2D", "CONV_2D"] * 2 * 4


@pytest.mark.parametrize("op", ["max_pool_3x3", "skip_connect"])
def test_an_op_that_halves_is_repeated_side_by_side_and_none_is_merged(op):
    site = Site(op, 8, 8, 4, 4, 2)
    alone = Counter(check_int8(site_model(site)))
    found = Counter(check_int8(site_model(site, 4)))

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

    assert counts["MAX_POOL_2D"] == len(pools.sites) == 15


def test_a_sum_converts_to_one_op_and_repeats_in_a_row():
    site = Site("add", 8, 8, 4, 4)

    assert check_int8(site_model(site)) == ["ADD"]
    assert check_int8(site_model(site, 4)) == ["ADD"] * 4


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

    assert counts["ADD"] == len(member.sums) == sums


@pytest.mark.parametrize("seed", range(4))
def test_every_sum_of_a_network_has_a_price(seed):
    space = CellSpace((8, 8, 1), 3, channels=4, ops=("none", "skip_connect", *POOLS))
    member = random_architecture(space, random.Random(seed))

    counts = Counter(graph(network_model(member))[0])

    assert counts["ADD"] == len(member.sums)
    assert {*member.sums} <= {*space.all_sites}


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
    space = CellSpace(ops=OP_NAMES)
    member = random_architecture(space, random.Random(seed))

    assert "CONV_2D" in check_int8(network_model(member))


def test_the_skeleton_is_made_of_identities():
    space = CellSpace(nodes=1, ops=("conv_1x1", "max_pool_3x3"))

    assert skeleton(space).ops == ("skip_connect",) * 4


def test_random_networks_span_the_space_and_are_never_cut_off():
    space = CellSpace(nodes=1, ops=("none", "sep_conv_3x3"))
    rng = random.Random(0)

    counts = [random_architecture(space, rng).op_counts["none"] for _ in range(50)]

    assert {0, 1, 2} == set(counts)  # one edge of each kind of cell must live


def test_a_profile_gives_back_the_times_of_its_device(quick):
    device = StandInDevice()
    table = profile(TINY, device)

    times = {(site.op, site.stride): row.median_ms for site, row in table.rows.items()}
    assert times[("sep_conv_3x3", 1)] == 1 + 2 * 3
    assert times[("max_pool_3x3", 2)] == 1 + 1
    assert times[("skip_connect", 1)] == 0
    assert table.kind == "stand-in"
    assert table.conditions == {"temperature_c": "40 to 41"}
    assert table.calibration.fitted_on == 3
    assert len(table.calibration.heldout_measured_ms) == 2
    # in both rounds: 8 sites that are not free, 3 sums, the skeleton, 5 networks
    assert len(device.measured) == 2 * (8 + 3 + 1 + 5)


def test_an_interrupted_profile_measures_nothing_twice(quick, tmp_path):
    journal = tmp_path / "journal"
    undisturbed = profile(TINY, StandInDevice())

    first = StandInDevice(dies_after=9)
    with pytest.raises(KeyboardInterrupt):
        profile(TINY, first, journal=journal)
    with journal.open("a") as file:
        file.write('{"item": "torn')  # the process died while it wrote
    second = StandInDevice()
    resumed = profile(TINY, second, journal=journal)

    assert len(first.measured) + len(second.measured) == 2 * 17
    assert resumed == undisturbed


def test_a_profile_of_other_networks_does_not_go_on(quick, tmp_path, monkeypatch):
    journal = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        profile(TINY, StandInDevice(dies_after=1), journal=journal)
    monkeypatch.setattr(profiling, "_CONCENTRATION", 1.0)

    with pytest.raises(TableError, match="begun with other settings"):
        profile(TINY, StandInDevice(), journal=journal)


def test_a_journal_of_other_settings_is_refused_unless_told(tmp_path):
    path = tmp_path / "journal"
    Journal(path, HEADER).add("site", 0, Measurement((1.0,), 64, ("flag",)))

    with pytest.raises(TableError, match="begun with other settings"):
        Journal(path, {"target": "other"})
    kept = {("site", 0): Measurement((1.0,), 64, ("flag",))}
    assert Journal(path, HEADER).blocks == kept
    assert Journal(path, {"target": "other"}, overwrite=True).blocks == {}


def test_a_journal_whose_line_is_no_block_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "journal"
    Journal(path, HEADER)
    with path.open("a") as file:
        file.write('{"item": "site", "round": 0, "runs_ms": [1.0], "flags": []}\n')

    with pytest.raises(TableError, match=r"damaged \('rounds_ms'\)\. Delete it"):
        Journal(path, HEADER)


class Tiring(StandInDevice):
    """Takes 5 % longer in its second round."""

    def measure(self, models, runs, warmup):
        for block in super().measure(models, runs, warmup):
            slow = 1.05 if self.measured.count(self.measured[-1]) == 2 else 1.0
            yield Measurement(tuple(slow * ms for ms in block.runs_ms))


def test_the_rounds_of_held_out_networks_reach_the_interval(quick):
    fit = profile(TINY, Tiring()).calibration

    for first, second in fit.heldout_rounds_ms:
        assert second == pytest.approx(1.05 * first)
    below, above = fit.interval
    assert below > 0.02 and above > 0.02


class FarDevice(StandInDevice):
    """A call costs 100 ms; ops cost whole numbers, a sum 10."""

    repeats = (1, 2, 4, 8)

    def measure(self, models, runs, warmup):
        for model in models:
            ops = Counter(graph(model)[0])
            ms = 100 + 5 * ops["CONV_2D"] + 10 * ops["ADD"] + ops["MAX_POOL_2D"]
            yield Measurement((float(ms + 2 * ops["DEPTHWISE_CONV_2D"]),) * runs)


def test_where_calls_are_dear_an_op_costs_what_a_further_copy_adds(quick):
    rows = profile(TINY, FarDevice()).rows

    found = {(site.op, site.stride): row.median_ms for site, row in rows.items()}
    assert found == {
        ("max_pool_3x3", 1): pytest.approx(1),
        ("skip_connect", 1): 0,
        ("sep_conv_3x3", 1): pytest.approx(2 * (2 + 5)),
        ("add", 1): pytest.approx(10),
        # neither the step nor the sum beside an op that halves is in its price
        ("max_pool_3x3", 2): pytest.approx(1),
        ("skip_connect", 2): pytest.approx(5),
        ("sep_conv_3x3", 2): pytest.approx(2 * (2 + 5)),
    }
    residuals = [row.residual_ms for row in rows.values() if row.runs]
    assert residuals == pytest.approx([0] * len(residuals), abs=1e-9)


def test_the_way_to_the_device_is_in_the_skeleton(quick):
    table, far = profile(TINY, FarDevice()), FarDevice()
    member = random_architecture(TINY, random.Random(5))
    (whole,) = far.measure([network_model(member)], 1, 1)

    assert table.predict(member).latency_ms == pytest.approx(whole.median_ms)


class CalledDevice(StandInDevice):
    """A call costs 100 ms, which a profile has to find out; a sum costs nothing."""

    call_ms = None

    def measure(self, models, runs, warmup):
        for block in super().measure(models, runs, warmup):
            yield Measurement(tuple(99 + ms for ms in block.runs_ms))


def test_what_a_call_costs_is_measured_and_taken_off_every_op(quick):
    table = profile(TINY, CalledDevice())

    prices = {(site.op, site.stride): row.median_ms for site, row in table.rows.items()}
    assert prices == {
        ("max_pool_3x3", 1): 1,
        ("max_pool_3x3", 2): 1,
        ("sep_conv_3x3", 1): 2 * 3,
        ("sep_conv_3x3", 2): 2 * 3,
        ("skip_connect", 1): 0,
        ("skip_connect", 2): 0,
        ("add", 1): 0,
    }
    assert table.skeleton_ms == 100


class HalfAccelerator(StandInDevice):
    """Leaves every pool to a CPU that it does not time."""

    def measure(self, models, runs, warmup):
        timed = super().measure(models, runs, warmup)
        for model, block in zip(models, timed, strict=True):
            left = not {"MAX_POOL_2D", "AVERAGE_POOL_2D"}.isdisjoint(graph(model)[0])
            yield Measurement(block.runs_ms, flags=(UNUSABLE,) if left else ())


def test_what_the_target_does_not_run_whole_is_barred_and_not_calibrated_on(
    quick, monkeypatch
):
    monkeypatch.setattr(profiling, "FIT_NETWORKS", 8)
    monkeypatch.setattr(profiling, "HELDOUT_NETWORKS", 8)
    table = profile(TINY, HalfAccelerator())

    assert table.usable().tolist() == [[False, True, True]] * 4
    fit, rng = table.calibration, random.Random(0)
    networks = [random_architecture(TINY, rng) for _ in range(16)]
    whole = [n for n in networks if n.op_counts["max_pool_3x3"] == 0]
    assert fit.fitted_on + len(fit.heldout_measured_ms) == len(whole) < 16


def test_a_target_that_runs_no_network_whole_is_refused(quick):
    ops = ("max_pool_3x3", "avg_pool_3x3")
    pools = CellSpace((8, 8, 1), num_classes=3, nodes=1, channels=4, ops=ops)

    with pytest.raises(TableError, match="Too few networks run whole"):
        profile(pools, HalfAccelerator())
