"""Searches on more than one device, each in processes of its own.

TensorFlow fixes its devices and workers when it starts, so every search here is a fresh
process. Two logical CPUs stand for two GPUs.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from stand_ins import TINY, stand_in_table

from tfnas.errors import SearchError, SettingsError
from tfnas.latency.table_file import write_table
from tfnas.search.distribute import is_chief, lost_workers, spread
from tfnas.search.run import Run

ON_TWO_CPUS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
"""
COMMAND = "from tfnas.cli.main import main; main()"


def start(folder, npz, strategy, *, first="", **environment):
    arguments = ["search", "--data", str(npz), "--table", "table.json", "--epochs", "2"]
    arguments += ["--batch-size", "32", "--run", strategy, "--strategy", strategy]
    return subprocess.Popen(
        [sys.executable, "-c", first + COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes):
    for process in processes:
        _, errors = process.communicate(timeout=1200)
        assert process.returncode == 0, errors


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def histories(tmp_path_factory, tiny_npz):
    """The same search on one device, on two of one process, and by two workers."""
    folder = tmp_path_factory.mktemp("distributed")
    write_table(folder / "table.json", stand_in_table(TINY))
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    finish(start(folder, tiny_npz, "single"))
    finish(start(folder, tiny_npz, "mirrored", first=ON_TWO_CPUS))
    finish(
        *(
            start(
                *(folder, tiny_npz, "multiworker"),
                TF_CONFIG=json.dumps(
                    {
                        "cluster": {"worker": workers},
                        "task": {"type": "worker", "index": index},
                    }
                ),
            )
            for index in range(2)
        )
    )
    names = ("single", "mirrored", "multiworker")
    return {name: Run(folder / "runs" / name).load_history() for name in names}


def losses(rows):
    return [row[name] for row in rows for name in ("loss", "val_half_loss", "price")]


@pytest.mark.slow  # four processes on the cores of one machine
def test_two_workers_compute_what_one_process_computes_with_the_same_global_batch(
    histories,
):
    # the order of float32 sums differs, in 8 steps
    assert losses(histories["multiworker"]) == pytest.approx(
        losses(histories["mirrored"]), rel=1e-3
    )


@pytest.mark.slow
def test_two_devices_differ_from_one_by_the_batch_norm_of_their_shares_alone(histories):
    # batch norm over 16 images in place of 32: near, but not the same
    single, mirrored = losses(histories["single"]), losses(histories["mirrored"])
    assert mirrored == pytest.approx(single, rel=0.1)
    assert mirrored != single


EQUAL_SHARES = """
import sys
from functools import partial
import keras, numpy as np
from stand_ins import TINY, stand_in_table, stripes
from tfnas.search.distribute import make_strategy, spread
from tfnas.search.search import Search

def weights_after(strategy, copies):
    with strategy.scope():
        search = Search(TINY, stand_in_table(TINY))
        search.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    warm, step = (
        spread(strategy, partial(search.step, warm_up=warm_up), 16 * copies)
        for warm_up in (True, False)
    )
    x, y = stripes(16, 0)
    x = np.tile(x / np.float32(255), (copies, 1, 1, 1))
    batch = tf.constant(x), tf.constant(np.tile(y, copies))
    facts = [move((batch, batch), False)[0] for move in (warm, step, step)]
    models = (search.supernet, search.hypernetwork)
    return facts, [w for model in models for w in model.get_weights()]

single = weights_after(make_strategy("single"), 1)
double = weights_after(make_strategy("mirrored"), 2)
for one, two in zip(single[0], double[0], strict=True):
    assert two == {k: __import__("pytest").approx(v, rel=1e-4) for k, v in one.items()}
for one, two in zip(single[1], double[1], strict=True):
    # sums of float32 in another order
    np.testing.assert_allclose(two, one, atol=1e-5, rtol=1e-4)
assert any(np.any(w != 0) for w in single[1][-2:])
"""


def test_two_replicas_with_equal_shares_step_as_one_with_that_share():
    """Batch norm sees the same; a gradient that counts twice or half would show."""
    done = subprocess.run(
        [sys.executable, "-c", ON_TWO_CPUS + EQUAL_SHARES],
        cwd=Path(__file__).parents[1],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stderr


class Elsewhere:
    cluster_resolver = "some workers"


def test_a_lost_worker_is_said_in_one_line_and_other_failures_are_not_hidden():
    with (
        pytest.raises(SearchError, match=r"Another worker is gone \(UnavailableError"),
        lost_workers(Elsewhere()),
    ):
        raise tf.errors.UnavailableError(None, None, "connection reset")
    with (
        pytest.raises(tf.errors.ResourceExhaustedError),
        lost_workers(tf.distribute.get_strategy()),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")


def test_one_device_is_its_own_chief_and_needs_no_division():
    strategy = tf.distribute.get_strategy()

    assert is_chief(strategy)
    step = spread(strategy, lambda batch: {"sum": tf.reduce_sum(batch)}, 3)
    batch = tf.constant([1.0, 2.0, 4.0])
    assert step(batch, False) == ({"sum": 7.0}, False)
    assert step(batch, True) == ({"sum": 7.0}, True)


class TwoReplicas:
    num_replicas_in_sync = 2


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(SettingsError, match="33 does not divide by 2 replicas"):
        spread(TwoReplicas(), dict, 33)
