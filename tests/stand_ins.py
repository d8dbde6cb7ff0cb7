"""What stands in for a device, a table, a member and data in tests."""

from dataclasses import replace

import numpy as np
import tensorflow as tf

from tfnas.family.family import Family
from tfnas.family.limits import Limits
from tfnas.family.member import Member
from tfnas.latency.calibration import Calibration
from tfnas.latency.row import Row
from tfnas.latency.table import LatencyTable
from tfnas.search.settings import SearchConfig
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.cell import CellSpace
from tfnas.spaces.simplex import Point
from tfnas.spaces.site import SUM
from tfnas.targets.cpu import Cpu
from tfnas.targets.measurement import Measurement
from tfnas.tflite.traits import Traits

TINY = CellSpace((8, 8, 1), num_classes=3, nodes=1, channels=4)
CALIBRATION = Calibration(1.0, 2.0, 2, (10.0, 20.0, 40.0), ((11.0,), (19.0,), (40.0,)))
CPU_OP_MS = {"max_pool_3x3": 1.0, "skip_connect": 0.0, "sep_conv_3x3": 3.0}


def stand_in_table(space, op_ms=CPU_OP_MS, **changes):
    """A table of round numbers, measured nowhere; an op costs the same at any site."""
    prices = {SUM: 0.0, **op_ms}
    rows = {site: Row(*[prices[site.op]] * 4, runs=1) for site in space.all_sites}
    fields = {
        "kind": "measured",
        "target": "cpu",
        "device": {"cpu": "stand-in", "threads": "1"},
        "space": space,
        "rows": rows,
        "skeleton_ms": 2.0,
        "calibration": CALIBRATION,
        "date": "2026-01-01",
        "tool_version": "0.1.0",
    }
    return LatencyTable(**{**fields, **changes})


MEMBER = Architecture(TINY, (2, 1, 0, 2))
TAKEN = Member(MEMBER, Point((0.3, 0.5, 0.2)), stand_in_table(TINY))


def limited(**limits):
    return replace(TAKEN, limits=Limits(**limits))


def pools_and_convolutions():
    """Convolutions cost 3 ms, pools 1; the score counts convolutions."""
    members = {
        Architecture(TINY, indices): Point((number / 10, 1 - number / 10, 0.0), 2.0)
        for number, indices in enumerate([(0, 0, 0, 0), (2, 0, 0, 0), (2, 2, 2, 2)])
    }
    scores = {member: convolutions(member) for member in members}
    return Family(stand_in_table(TINY), 10, members, scores)


def convolutions(member):
    return member.ops.count("sep_conv_3x3") / 4


class StandInScores:
    """Scores of few images, and those of all; the same where none are given."""

    def __init__(self, few, fully=None):
        self.few, self.all_images = few, fully or few
        self.looked_at = []

    def __call__(self, member):
        return self.few(member)

    def fully(self, member):
        self.looked_at.append(member)
        return self.all_images(member)


class StandInSearch:
    space, config = TINY, SearchConfig()

    def alphas(self, points, levels):
        """Every choice takes a convolution, or the op with the lowest price if dear."""
        prices = self.config.strength(np.asarray(levels))[:, None] * np.asarray(points)
        return np.repeat((np.array([0, 0, 1]) - prices)[:, None, :], 4, axis=1)


class Killed(Exception):
    """Stands for a process that dies."""


def images(space, seed=0):
    shape = (4, *space.input_shape)
    return np.random.default_rng(seed).random(shape).astype("float32")


def stripes(num, seed):
    """Images whose class is the direction of their stripes: easy, but not trivial."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num)
    rows, columns = np.mgrid[:8, :8]
    waves = np.stack([rows, columns, rows + columns]) % 4 < 2
    noise = rng.integers(0, 120, (num, 8, 8))
    images = 120 * waves[labels] + noise
    return images[..., None].astype(np.uint8), labels.astype(np.int32)


def png(image):
    return tf.io.encode_png(image).numpy()


def folder_of_images(root, names=("cat", "dog"), count=5):
    for value, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for index in range(count):
            image = np.full((6, 5, 3), 40 * value + index, np.uint8)
            (root / name / f"{index}.png").write_bytes(png(image))


def damage(*paths):
    for path in paths:
        path.write_bytes(b"\x89PNG but no more")


# Put together from logs of version 16 that owners published.
EDGETPU_LOG = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 1524 ms.

Input model: x.tflite
Input size: 4.24MiB
Output model: x_edgetpu.tflite
Output size: 5.57MiB
On-chip memory used for caching model parameters: 4.21MiB
On-chip memory remaining for caching model parameters: 3.29MiB
Off-chip memory used for streaming uncached model parameters: 1.50KiB
Number of Edge TPU subgraphs: 1
Total number of operations: 267
Operation log: x_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: 264
Number of operations that will run on CPU: 3

Operator                       Count      Status

CONV_2D                        35         Mapped to Edge TPU
MEAN                           1          Operation not supported
MEAN                           2          Mapped to Edge TPU
Compilation child process completed within timeout period.
Compilation succeeded!
"""


# Milliseconds of a number that an operator reads or writes on the steady CPU.
NUMBER_MS = 1e-5


def steady_cpu(patch):
    """Let the `cpu` target run a model once, and answer with a time by its size.

    So no test that goes through it depends on how fast or busy the machine is.
    """

    def steady_times(invoke, runs, warmup):
        invoke()
        interpreter = invoke.__self__
        shapes = {
            one["index"]: one["shape"] for one in interpreter.get_tensor_details()
        }
        numbers = sum(
            int(np.prod(shapes[index]))
            for op in interpreter._get_ops_details()
            if op["op_name"] != "DELEGATE"
            for index in (*op["inputs"], *op["outputs"])
            if index in shapes
        )
        return Measurement((NUMBER_MS * numbers,) * runs)

    patch.setattr(Cpu, "traits", Traits(rounds=1))
    patch.setattr("tfnas.targets.cpu.time_calls", steady_times)
