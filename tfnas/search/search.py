"""The search: weights and hypernetwork take turns, in one `train_step`."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfnas.latency.table import LatencyTable
from tfnas.networks.build import build_supernet
from tfnas.search.derive import POINTS, derive, largest_within, sweep
from tfnas.search.distribute import apply_once, sum_over_replicas
from tfnas.search.hypernetwork import HYPERNETWORKS
from tfnas.search.prices import price, prices_of
from tfnas.search.run import Run
from tfnas.search.sampling import SAMPLERS, gumbel_softmax, straight_through
from tfnas.search.settings import SearchConfig
from tfnas.search.unrolled import unrolled_gradients
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import check_budget, uniform
from tfnas.spaces.space import Space

DEFAULTS = SearchConfig()
_CLIP_NORM = 5.0
# The logit of an op that may not stand at a choice, or that a target does not run.
NEVER = -1e9
FACTS = ("loss", "val_half_loss", "accuracy", "price", "task_pull", "price_pull")


class Search(keras.Model):
    """Trains one family of networks, conditioned on a point of the simplex.

    A step moves the supernet's weights on a batch of the first half of the data, then
    the hypernetwork on a batch of the second half (DARTS, arXiv 1806.09055, section
    2.3), each for a freshly drawn point and freshly drawn ops. `fit` takes a dataset of
    `((x, y), (x_val, y_val))`; `validation_data` is an ordinary `(x, y)`.

    Args:
        space: What is searched.
        table: Prices of the ops on the target.
        config: Says how: mode, order, hypernetwork, sampler, precision, the weights of
            the price term, and the seed of initial weights and draws.

    Attributes:
        temperature: Of the Gumbel-Softmax over ops; a callback anneals it.

    Raises:
        TableError: If the table was made for another space.
    """

    def __init__(
        self,
        space: Space,
        table: LatencyTable,
        config: SearchConfig = DEFAULTS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        table.require(space)
        keras.utils.set_random_seed(config.seed)
        self.space = space
        self.table = table
        self.config = config
        self.supernet = build_supernet(space, config.mode, config.precision)
        axes = len(space.axes)
        self.hypernetwork = HYPERNETWORKS[config.hypernetwork](
            axes, len(space.choices), len(space.ops), name="hypernetwork"
        )
        self.draw_point = SAMPLERS[config.sampler]
        self.temperature = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="temperature"
        )
        self.means = {name: keras.metrics.Mean(name) for name in FACTS}
        self.prices = prices_of(table, config)
        # Where an op may not stand or run: logits so low that it is never drawn.
        self.barred = np.where(table.usable(), 0, NEVER).astype(np.float32)
        self.hypernetwork.build((axes,))
        self.built = True
        self._gradients = tf.function(self._task_gradients)
        self._alphas = tf.function(
            lambda points: tf.vectorized_map(self.logits, points),
            input_signature=[tf.TensorSpec((None, axes))],
        )

    def compile(
        self, optimizer: Any = "sgd", arch_optimizer: Any = "adam", **kwargs: Any
    ) -> None:
        """Set the optimizer of the weights and that of the hypernetwork."""
        kwargs.setdefault(
            "loss", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.supernet.trainable_variables)
        self.arch_optimizer = keras.optimizers.get(arch_optimizer)
        self.arch_optimizer.build(self.hypernetwork.trainable_variables)

    def train_step(self, data: Any) -> Any:
        """Do one step; returns means since the epoch began."""
        for name, value in self.step(data).items():
            self.means[name].update_state(value)
        return {name: mean.result() for name, mean in self.means.items()}

    def step(self, data: Any) -> dict[str, Any]:
        """Move the weights, then the hypernetwork.

        Args:
            data: `((x, y), (x_val, y_val))`: images, shape `(batch, height, width,
                channels)`, and their classes, shape `(batch,)`.

        Returns:
            Scalars of this step: loss on either batch, accuracy on the second, the
            price, and the norms of both gradients by the logits alpha.
        """
        train, val = data
        # Read before the first optimizer counts on: both halves draw for this step.
        seeds = self._seeds()
        point = self.draw_point(len(self.space.axes), seeds[0])
        gamma = self._draw_gamma(self.logits(point), seeds[1])
        loss, _, (gradient, _) = self._gradients(*train, gamma)
        apply_once(
            self.optimizer,
            sum_over_replicas(gradient),
            self.supernet.trainable_variables,
        )
        val_loss, logits, facts = self._move_hypernetwork(train, val, seeds[2:])
        hits = keras.metrics.sparse_categorical_accuracy(val[1], logits)
        losses = sum_over_replicas({"loss": loss, "val_half_loss": val_loss})
        return {**losses, "accuracy": ops.mean(hits), **facts}

    def _move_hypernetwork(self, train: Any, val: Any, seeds: Any) -> Any:
        variables = self.hypernetwork.trainable_variables
        point = self.draw_point(len(self.space.axes), seeds[0])
        with tf.GradientTape(persistent=True) as tape:
            alpha = self.logits(point)
            gamma = self._draw_gamma(alpha, seeds[1])
            cost = price(point, ops.softmax(alpha), self.prices, self.space.axis_of_ops)
        if self.config.order == 1:
            val_loss, logits, (_, by_gamma) = self._gradients(*val, gamma)
        else:
            val_loss, logits, by_gamma = unrolled_gradients(
                self._gradients,
                self.supernet.trainable_variables,
                self.optimizer.learning_rate,
                train,
                val,
                gamma,
            )
        by_task = tape.gradient(gamma, alpha, sum_over_replicas(by_gamma))
        by_price = tape.gradient(cost, alpha)
        gradient = tape.gradient(alpha, variables, by_task + by_price)
        apply_once(self.arch_optimizer, gradient, variables)
        facts = {
            "price": cost,
            "task_pull": tf.norm(by_task),
            "price_pull": tf.norm(by_price),
        }
        return val_loss, logits, facts

    def logits(self, point: Any) -> Any:
        """`alpha = H_a(S)`, shape `(num_choices, num_ops)`; no op that is barred."""
        return self.hypernetwork(point) + self.barred

    def _draw_gamma(self, alpha: Any, seed: Any) -> Any:
        """Relaxed one-hot per choice; one-hot forwards in sampled mode."""
        gamma = gumbel_softmax(alpha, self.temperature, seed)
        return straight_through(gamma) if self.config.mode == "sampled" else gamma

    def _seeds(self) -> Any:
        """Four seeds that depend on the search's seed and on the step alone."""
        step = ops.cast(self.optimizer.iterations, "int32")
        return [tf.stack([self.config.seed, 4 * step + draw]) for draw in range(4)]

    def _task_gradients(self, x: Any, y: Any, gamma: Any) -> Any:
        """Task loss, logits, and the loss's gradients by weights and by gamma.

        One graph serves both halves of a step: what a half does not use is pruned.
        """
        with tf.GradientTape() as tape:
            tape.watch(gamma)
            logits = self.supernet([x, gamma], training=True)
            loss = self.compute_loss(y=y, y_pred=logits)
        by = tape.gradient(loss, [self.supernet.trainable_variables, gamma])
        return loss, logits, by

    def test_step(self, data: Any) -> Any:
        """Score the member at the uniform point with the supernet's weights."""
        x, y = data
        logits = self(x)
        scored = {
            "loss": self.compute_loss(y=y, y_pred=logits),
            "accuracy": ops.mean(keras.metrics.sparse_categorical_accuracy(y, logits)),
        }
        for name, value in scored.items():
            self.means[name].update_state(value, sample_weight=ops.shape(x)[0])
        return {name: self.means[name].result() for name in scored}

    def call(self, images: Any, training: bool = False) -> Any:
        """Logits of the member at the uniform point; batch norm takes the batch."""
        alpha = self.logits(ops.convert_to_tensor(uniform(len(self.space.axes))))
        gamma = ops.one_hot(ops.argmax(alpha, axis=-1), len(self.space.ops))
        return self.supernet([images, gamma], training=training)

    def alpha(self, budget: Sequence[float] | None = None) -> Any:
        """Logits of every choice as an array, at the uniform point by default."""
        axes = self.space.axes
        point = uniform(len(axes)) if budget is None else check_budget(budget, axes)
        return np.asarray(self.logits(ops.convert_to_tensor(point, "float32")))

    def alphas(self, points: Any) -> Any:
        """Logits at many points, shapes `(num, num_ops)` and `(num, choices, ops)`."""
        return np.asarray(self._alphas(tf.constant(points, tf.float32)))

    def derive(
        self,
        budget: Sequence[float] | None = None,
        *,
        max_latency_ms: float | None = None,
    ) -> Architecture:
        """The member at a point of the simplex, or the one that a limit leaves most to.

        Of the members within a limit it is the slowest: none is scored, as
        `tfnas export --max-latency` does, because no images are at hand.

        Args:
            budget: The point.
            max_latency_ms: The limit, kept by the upper end of the predicted interval.

        Raises:
            SettingsError: If the point is not on the simplex.
            ValueError: If not one of the two is given.
            LimitError: If no member keeps the limit.
        """
        if budget is not None and max_latency_ms is None:
            return derive(self.space, self.alpha(budget))
        if budget is None and max_latency_ms is not None:
            members = sweep(self.space, self.alphas, POINTS)
            return largest_within(members, self.table, max_latency_ms)
        raise ValueError("derive takes a budget or max_latency_ms, one of the two")

    def temperature_now(self) -> float:
        """The temperature as a number, also where every device holds a copy of it."""
        return float(self.temperature.value.numpy())


def make_search(config: SearchConfig, table: LatencyTable, steps: int) -> Search:
    """A compiled search as the settings describe it.

    Args:
        config: The settings.
        table: Its space is searched.
        steps: Steps of an epoch, which the weights' learning rate is annealed over.
    """
    search = Search(table.space, table, config)
    rate = keras.optimizers.schedules.CosineDecay(
        config.weight_lr, steps * config.epochs
    )
    # Each of several replicas steps by its share of the gradient.
    replicas = search.distribute_strategy.num_replicas_in_sync
    search.compile(
        keras.optimizers.SGD(
            rate,
            momentum=0.9,
            weight_decay=config.weight_decay,
            global_clipnorm=_CLIP_NORM / replicas,
        ),
        keras.optimizers.Adam(config.arch_lr, beta_1=0.5),
    )
    return search


def load_search(run: Run) -> Search:
    """The search of a run with its trained weights, ready to derive members.

    Raises:
        RunError: If the run has not ended an epoch, or is of another version.
    """
    config, table = run.load_config(), run.load_table()
    run.require_searched()
    search = make_search(config, table, steps=1)
    search.supernet.load_weights(run.supernet)
    search.hypernetwork.load_weights(run.hypernetwork)
    return search
