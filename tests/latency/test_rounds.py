import random
from functools import partial

import pytest

from tfnas.errors import RefusedError
from tfnas.latency.journal import Journal
from tfnas.latency.rounds import Timing, measure, measure_alone
from tfnas.support.progress import say
from tfnas.targets.measurement import REFUSED, UNSTABLE, UNUSABLE, Measurement
from tfnas.tflite.traits import Traits


class StandInDevice:
    """Takes 1 ms; the item `shaky` does so in a third of its first rounds only."""

    name, traits = "stand-in", Traits(rounds=6)

    def __init__(self, calm_after):
        self.calm_after = calm_after
        self.asked = []

    def compile(self, model):
        if model == b"strange":
            raise RefusedError("No such op")
        return model

    def measure(self, models, runs, warmup):
        for model in models:
            self.asked.append(model)
            times = self.asked.count(model)
            busy = model == b"shaky" and times <= self.calm_after and times % 3
            yield Measurement((1.2 if busy else 1.0,) * runs)


def measured(device, names=("calm", "shaky")):
    makers = {name: name.encode for name in names}
    journal, rng = Journal(None, {}), random.Random(0)
    return measure(makers, device, journal, Timing(2, 1), rng)


def test_an_item_whose_rounds_disagree_is_measured_again_and_only_that_counts():
    device = StandInDevice(calm_after=6)
    timed = measured(device)

    assert device.asked.count(b"calm") == 6
    assert device.asked.count(b"shaky") == 12
    assert timed["shaky"] == Measurement((1.0,) * 12, rounds_ms=(1.0,) * 6)


def test_an_item_that_never_comes_to_rest_is_flagged():
    timed = measured(StandInDevice(calm_after=12))

    assert timed["shaky"].flags == (UNSTABLE,)
    assert timed["shaky"].rounds_ms == (1.2, 1.2, 1.0) * 2
    assert timed["calm"].flags == ()


def test_what_the_compiler_refuses_is_unusable_and_the_rest_is_measured(capsys):
    timed = measured(StandInDevice(calm_after=0), ("calm", "strange"))

    assert timed["calm"] == Measurement((1.0,) * 12, rounds_ms=(1.0,) * 6)
    assert timed["strange"].flags == (UNUSABLE,)
    assert "Warning: strange is unusable. No such op" in capsys.readouterr().err


class Moody(StandInDevice):
    """Fails once, in its third round, and says so."""

    def measure(self, models, runs, warmup):
        for block in super().measure(models, runs, warmup):
            failed = len(self.asked) == 3
            if failed:
                say("Warning: out of memory")
            yield REFUSED if failed else block


def test_one_failed_round_makes_a_model_unusable_and_its_warning_is_seen(capfd):
    timed = measured(Moody(calm_after=0), ("calm",))

    assert UNUSABLE in timed["calm"].flags
    assert "Warning: out of memory" in capfd.readouterr().err


def test_nothing_to_measure_shows_no_progress(capfd):
    journal, device = Journal(None, {}), StandInDevice(calm_after=0)
    makers = {"calm": b"calm".strip}
    again = partial(measure, makers, device, journal, Timing(2, 1), random.Random(0))

    again()
    assert "Measuring on stand-in" in capfd.readouterr().err
    again()
    assert capfd.readouterr().err == ""


class Clock(StandInDevice):
    """Answers with the times of a list, one for each model; notes the runs asked."""

    def __init__(self, *times_ms, rounds=2):
        super().__init__(calm_after=0)
        self.times_ms, self.runs = [*times_ms], []
        self.traits = Traits(rounds=rounds)

    def measure(self, models, runs, warmup):
        for _ in models:
            self.runs.append(runs)
            yield Measurement((self.times_ms.pop(0),) * runs)


@pytest.mark.parametrize(
    ("ms", "runs"), [(0.004, 20_000), (0.01, 10_000), (0.5, 200), (20.0, 50)]
)
def test_a_round_of_a_model_alone_takes_a_tenth_of_a_second_within_bounds(ms, runs):
    device = Clock(*[ms] * 3)

    timed = Measurement((ms,) * 2 * runs, rounds_ms=(ms, ms))
    assert measure_alone(b"model", device) == timed
    assert device.runs == [10, runs, runs]


def test_rounds_of_a_model_alone_that_disagree_are_repeated_once():
    rested = measure_alone(b"model", Clock(2.0, 2.0, 4.0, 2.0, 2.0))
    restless = measure_alone(b"model", Clock(2.0, 2.0, 4.0, 2.0, 4.0))

    assert (rested.median_ms, rested.flags) == (2.0, ())
    assert restless.flags == (UNSTABLE,)


def test_an_estimate_is_asked_for_once():
    device = Clock(2.0, rounds=1)

    assert measure_alone(b"model", device).median_ms == 2.0
    assert device.runs == [50]
