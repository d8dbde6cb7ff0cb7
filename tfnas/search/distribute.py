"""One search on several devices or machines: the same step, on shares of a batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from tfnas.errors import SearchError, SettingsError

# Machines are named in TF_CONFIG, as TensorFlow defines it.
STRATEGIES = {
    "single": tf.distribute.get_strategy,
    "mirrored": tf.distribute.MirroredStrategy,
    "multiworker": tf.distribute.MultiWorkerMirroredStrategy,
}


def make_strategy(name: str) -> Any:
    """A `tf.distribute` strategy; make it before TensorFlow does anything else.

    Args:
        name: `"single"`, `"mirrored"` (all GPUs of this machine) or `"multiworker"`
            (all machines of TF_CONFIG).

    Raises:
        SettingsError: If TensorFlow cannot set it up.
    """
    try:
        return STRATEGIES[name]()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise SettingsError(
            f"--strategy {name}: {error}. Is TF_CONFIG right on every worker?"
        ) from error


def is_chief(strategy: Any) -> bool:
    """Whether this process is the one that writes."""
    resolver = strategy.cluster_resolver
    if resolver is None or resolver.task_type is None:
        return True
    if resolver.task_type == "chief":
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return not has_chief and resolver.task_type == "worker" and resolver.task_id == 0


@contextmanager
def lost_workers(strategy: Any) -> Iterator[None]:
    """Say in one line that another worker has gone.

    Raises:
        SearchError: If TensorFlow fails while several workers search.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if strategy.cluster_resolver is None:
            raise
        raise SearchError(
            f"Another worker is gone ({type(error).__name__}). What was saved is kept: "
            "start all workers again with --resume."
        ) from error


def spread(
    strategy: Any, step: Callable[[Any], dict[str, Any]], batch_size: int
) -> Callable[[Any, bool], tuple[dict[str, float], bool]]:
    """Make a step of one device one of all devices.

    Every process reads the same batches; each replica takes its share of them. Batch
    norm sees that share alone, as is usual for data-parallel training.

    Args:
        strategy: From `make_strategy`.
        step: Maps a batch to scalars.
        batch_size: Images of a batch over all replicas.

    Returns:
        Maps a batch, and whether this process wants to stop, to the means of the
        scalars over all replicas, and whether any process wants to stop.

    Raises:
        SettingsError: If the batch does not divide by the number of replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise SettingsError(
            f"--batch-size {batch_size} does not divide by {replicas} replicas"
        )
    size = batch_size // replicas

    def with_stop(batch: Any, stop: Any) -> dict[str, Any]:
        return {**step(batch), "stop": stop}

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def on_all(batch: Any, stop: Any) -> Any:
        values = strategy.run(with_stop, args=(batch, stop))
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)
            for name, value in values.items()
        }

    def share(batch: Any, replica: int) -> Any:
        rows = slice(replica * size, (replica + 1) * size)
        return tf.nest.map_structure(lambda x: x[rows], batch)

    def call(batch: Any, stop: bool) -> tuple[dict[str, float], bool]:
        if replicas > 1:
            batch = strategy.experimental_distribute_values_from_function(
                lambda context: share(batch, context.replica_id_in_sync_group)
            )
        values = on_all(batch, tf.constant(float(stop)))
        facts = {name: float(value) for name, value in values.items()}
        return facts, facts.pop("stop") > 0

    return call


def agree(strategy: Any, numbers: list[int]) -> list[int]:
    """The chief's numbers, on every process; waits until all have come here."""
    if strategy.cluster_resolver is None or strategy.num_replicas_in_sync == 1:
        return numbers
    mine = tf.constant(numbers if is_chief(strategy) else [0] * len(numbers))
    only_first = strategy.experimental_distribute_values_from_function(
        lambda context: mine * int(context.replica_id_in_sync_group == 0)
    )
    total = strategy.reduce(tf.distribute.ReduceOp.SUM, only_first, axis=None)
    return [int(number) for number in total]


def sum_over_replicas(values: Any) -> Any:
    """Sum over replicas, each of which Keras makes count one share of the loss."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return values
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def apply_once(optimizer: Any, gradients: Any, variables: Any) -> None:
    """Step along gradients that are equal on all replicas: Keras adds them up."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    optimizer.apply([gradient / replicas for gradient in gradients], variables)
