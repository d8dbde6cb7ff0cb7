import random
from collections import Counter

import pytest
from stand_ins import TINY

from tfnas.errors import TableError
from tfnas.latency import profile as profiling
from tfnas.latency.calibration import BEYOND
from tfnas.latency.journal import Journal
from tfnas.latency.probes import network_model
from tfnas.latency.profile import header, profile, profile_to_file
from tfnas.spaces.architecture import random_architecture, skeleton
from tfnas.spaces.cell import CellSpace
from tfnas.targets.measurement import UNUSABLE, Measurement
from tfnas.tflite.graph import graph
from tfnas.tflite.traits import Traits


class StandInDevice:
    """Answers with times from a list of ops; counts what it was asked to measure."""

    traits = Traits(rounds=2, call_ms=0.0)

    def __init__(self, dies_after=None):
        self.name, self.kind = "stand-in", "measured"
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


def test_the_skeleton_is_made_of_identities():
    space = CellSpace(nodes=1, ops=("conv_1x1", "max_pool_3x3"))

    assert skeleton(space).ops == ("skip_connect",) * 4


def test_a_profile_gives_back_the_times_of_its_device(quick):
    device = StandInDevice()
    table = profile(TINY, device)

    times = {(site.op, site.stride): row.median_ms for site, row in table.rows.items()}
    assert times[("sep_conv_3x3", 1)] == 1 + 2 * 3
    assert times[("max_pool_3x3", 2)] == 1 + 1
    assert times[("skip_connect", 1)] == 0
    assert table.kind == "measured"
    assert table.conditions == {"temperature_c": "40 to 41"}
    assert table.calibration.fitted_on == 3
    assert len(table.calibration.heldout_measured_ms) == 2
    # in both rounds: 8 sites that are not free, 3 sums, the skeleton, 5 networks
    assert len(device.measured) == 2 * (8 + 3 + 1 + 5)


def begun(path, device):
    return Journal(path, header(TINY, device))


def test_an_interrupted_profile_measures_nothing_twice(quick, tmp_path):
    journal = tmp_path / "journal"
    undisturbed = profile(TINY, StandInDevice())

    first = StandInDevice(dies_after=9)
    with pytest.raises(KeyboardInterrupt):
        profile(TINY, first, journal=begun(journal, first))
    with journal.open("a") as file:
        file.write('{"item": "torn')  # the process died while it wrote
    second = StandInDevice()
    resumed = profile(TINY, second, journal=begun(journal, second))

    assert len(first.measured) + len(second.measured) == 2 * 17
    assert resumed == undisturbed


def test_a_profile_of_other_networks_does_not_go_on(quick, tmp_path, monkeypatch):
    journal = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        profile(
            TINY, dying := StandInDevice(dies_after=1), journal=begun(journal, dying)
        )
    monkeypatch.setattr("tfnas.spaces.architecture._CONCENTRATION", 1.0)

    with pytest.raises(TableError, match="begun with other settings"):
        begun(journal, StandInDevice())


# Of a round of a quick profile of `TINY`: sites that are not free, sums, the skeleton
# and networks.
ITEMS = 8 + 3 + 1 + 5


class Tiring(StandInDevice):
    """Takes 5 % longer in its second round."""

    def measure(self, models, runs, warmup):
        for block in super().measure(models, runs, warmup):
            slow = 1.05 if len(self.measured) > ITEMS else 1.0
            yield Measurement(tuple(slow * ms for ms in block.runs_ms))


def test_the_rounds_of_held_out_networks_reach_the_interval(quick):
    fit = profile(TINY, Tiring()).calibration

    for first, second in fit.heldout_rounds_ms:
        assert second == pytest.approx(1.05 * first)
    below, above = fit.interval
    assert below > 0.02 and above > 0.02


class FarDevice(StandInDevice):
    """A call costs 100 ms; ops cost whole numbers, a sum 10."""

    traits = Traits(rounds=2, repeats=(1, 3), call_ms=0.0)

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

    traits = Traits(rounds=2)

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


def test_a_profile_holds_out_what_an_end_of_the_interval_needs():
    networks = header(TINY, StandInDevice())["networks"]

    assert len(networks) == 12 + 19
    assert profiling.HELDOUT_NETWORKS >= 1 / BEYOND - 1


class Busy(StandInDevice):
    """Does something else all the time: whatever is run takes the same."""

    def measure(self, models, runs, warmup):
        for block in super().measure(models, runs, warmup):
            yield Measurement((5.0,) * len(block.runs_ms))


def test_a_busy_device_is_refused_and_measured_again_by_the_next_call(quick, tmp_path):
    with pytest.raises(TableError, match=r"stand-in: The calibration .* a scale of 0"):
        profile_to_file(TINY, Busy(), tmp_path / "t.json")
    assert not [*tmp_path.iterdir()]

    again = StandInDevice()
    table, path = profile_to_file(TINY, again, tmp_path / "t.json")

    assert len(again.measured) == 2 * ITEMS
    assert [*tmp_path.iterdir()] == [path] and table.calibration.spearman == 1


def test_a_target_that_runs_no_network_whole_is_refused(quick):
    ops = ("max_pool_3x3", "avg_pool_3x3")
    pools = CellSpace((8, 8, 1), num_classes=3, nodes=1, channels=4, ops=ops)

    with pytest.raises(TableError, match="Too few networks run whole"):
        profile(pools, HalfAccelerator())
