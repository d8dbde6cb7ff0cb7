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
from tfnas.search.hypernetwork import HYPERNETWORKS, starting_logits
from tfnas.search.prices import COSTS, Prices
from tfnas.search.sampling import Draws, drawn_gradient
from tfnas.search.settings import SearchConfig
from tfnas.search.unrolled import unrolled_gradients
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import check_budget, uniform
from tfnas.spaces.space import Space

DEFAULTS = SearchConfig()
_CLIP_NORM = 5.0
# Every so many moves of the weights, one is for the largest member.
LARGEST_EVERY = 4
# Draws of ops by whose losses the data say which are better, in sampled mode.
_COMPARED = 4
# Draws of point and strength whose mean price a step takes: prices need no network.
_PRICED = 32
PULLS = tuple(f"{name}_pull" for name in ("task", *COSTS))
FACTS = ("loss", "val_half_loss", "accuracy", "price", *PULLS)


class Search(keras.Model):
    """Trains one family of networks, conditioned on a point and a strength.

    A step moves the supernet's weights on a batch of the first half of the data, then
    the hypernetwork on a batch of the second half (DARTS, arXiv 1806.09055, section
    2.3) for a freshly drawn point of the simplex, strength and ops. In sampled mode the
    weights move for ops drawn evenly (arXiv 1904.00420), so that networks are compared
    fairly, and every fourth time for the largest member (the sandwich rule of arXiv
    1903.05134 in turns), which draws seldom give; in soft mode for a point as well.
    `fit` takes a dataset of `((x, y), (x_val, y_val))`: images, shape `(batch, height,
    width, channels)`, and classes, `(batch,)`; `validation_data` is an ordinary `(x,
    y)`.

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
        self.space, self.table, self.config = space, table, config
        self.supernet = build_supernet(space, config.mode, config.precision)
        axes = len(space.axes)
        shape = (axes, len(space.choices), len(space.ops), space.axis_of_ops)
        hypernetwork = HYPERNETWORKS[config.hypernetwork]
        self.hypernetwork = hypernetwork(*shape, name="hypernetwork")
        self.draws = Draws(config, space.axes)
        self.temperature = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="temperature"
        )
        self.means = {name: keras.metrics.Mean(name) for name in FACTS}
        self.prices = Prices.of(table, config)
        self.start = starting_logits(self.prices.params, table.usable())
        self.empty = np.array([space.op(op).chain is None for op in space.ops])
        one_hot = np.eye(len(space.ops), dtype=np.float32)
        self.largest = one_hot[np.argmax(self.start, axis=1)]
        self.hypernetwork.build((axes,))
        self.rests, self.built = False, True
        self._loss = tf.function(self._task_loss)
        self._gradients = tf.function(self._task_gradients)
        self._alphas = tf.function(
            self.logits,
            input_signature=[tf.TensorSpec((None, axes)), tf.TensorSpec((None,))],
        )

    def compile(
        self, optimizer: Any = "sgd", arch_optimizer: Any = "adam", **kwargs: Any
    ) -> None:
        """Set the optimizer of the weights and that of the hypernetwork."""
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        kwargs.setdefault("loss", loss)
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.supernet.trainable_variables)
        self.arch_optimizer = keras.optimizers.get(arch_optimizer)
        self.arch_optimizer.build(self.hypernetwork.trainable_variables)

    def rest(self, rests: bool) -> None:
        """Let the hypernetwork rest from the next step of `fit` on, or wake it up."""
        if rests != self.rests:
            self.rests = rests
            self.make_train_function(force=True)

    def train_step(self, data: Any) -> Any:
        """Do one step; returns means since the epoch began."""
        for name, value in self.step(data, warm_up=self.rests).items():
            self.means[name].update_state(value)
        return {name: mean.result() for name, mean in self.means.items()}

    def step(self, data: Any, *, warm_up: bool = False) -> dict[str, Any]:
        """Move the weights, then the hypernetwork.

        Args:
            data: As `fit` takes it.
            warm_up: Let the hypernetwork rest, and move the weights on both halves.

        Returns:
            Scalars of this step, by the names of `FACTS`; pulls are the norms of the
            gradients by alpha, those of costs at strength 1.
        """
        train, val = data
        # Read before the first optimizer counts on: both halves draw for this step.
        seeds = self.draws.seeds(self.optimizer.iterations)
        gamma = self._drawn(seeds)
        if self.config.mode == "sampled":
            turn = seeds[0][1] % (len(seeds) * LARGEST_EVERY) == 0
            gamma = tf.where(turn, self.largest, gamma)
        loss, _ = self._move_weights(train, gamma)
        val_loss, logits, facts = self._second_half(train, val, seeds[3:], warm_up)
        y = val[1][: ops.shape(logits)[0]]  # of the part that was looked at
        hits = keras.metrics.sparse_categorical_accuracy(y, logits)
        losses = sum_over_replicas({"loss": loss, "val_half_loss": val_loss})
        return {**losses, "accuracy": ops.mean(hits), **facts}

    def _drawn(self, seeds: Any) -> Any:
        """Op weights that the supernet's weights move for."""
        alpha = self.draws.even(self.start, self.empty, seeds[0])
        if self.config.mode == "soft":
            alpha = self.logits(*self.draws.points(seeds[:2], 1))[0]
        return self.draws.gamma(alpha, self.temperature, seeds[2])

    def _move_weights(self, batch: Any, gamma: Any) -> tuple[Any, Any]:
        variables = self.supernet.trainable_variables
        loss, logits, (gradient, _) = self._gradients(*batch, gamma)
        apply_once(self.optimizer, sum_over_replicas(gradient), variables)
        return loss, logits

    def _second_half(self, train: Any, val: Any, seeds: Any, warm_up: bool) -> Any:
        variables = self.hypernetwork.trainable_variables
        points, levels = self.draws.points(seeds[3:], _PRICED)
        with tf.GradientTape() as tape:
            alpha = self.logits(*self.draws.points(seeds[:2], 1))[0]
            alphas = self.logits(points, levels)
        strength = self.config.strength(levels)
        terms, by_cost = self.prices.pulls(points, alphas)
        if warm_up:
            val_loss, logits = self._move_weights(val, self._drawn(seeds))
            by_task = tf.zeros_like(alpha)
        else:
            val_loss, logits, by_task = self._task_pull(train, val, alpha, seeds[2])
            by_price = strength[:, None, None] * sum(by_cost.values()) / _PRICED
            gradient = tape.gradient([alpha, alphas], variables, [by_task, by_price])
            apply_once(self.arch_optimizer, gradient, variables)
        pulls = {"task": by_task[None], **by_cost}
        norms = {name: tf.norm(pull, axis=(1, 2)) for name, pull in pulls.items()}
        facts = {f"{name}_pull": ops.mean(norm) for name, norm in norms.items()}
        price = ops.mean(strength * sum(terms.values()))
        return val_loss, logits, {"price": price, **facts}

    def _task_pull(self, train: Any, val: Any, alpha: Any, seed: Any) -> Any:
        """Loss and logits of a batch, and how its expected loss changes by alpha."""
        if self.config.mode == "sampled":
            many = tf.tile(alpha[None], (_COMPARED, 1, 1))
            gamma = self.draws.gamma(many, self.temperature, seed)
            return drawn_gradient(self._loss, val, gamma, ops.softmax(alpha))
        with tf.GradientTape() as tape:
            tape.watch(alpha)
            gamma = self.draws.gamma(alpha, self.temperature, seed)
        if self.config.order == 1:
            loss, logits, (_, by_gamma) = self._gradients(*val, gamma)
        else:
            weights = self.supernet.trainable_variables
            rate = self.optimizer.learning_rate
            loss, logits, by_gamma = unrolled_gradients(
                self._gradients, weights, rate, train, val, gamma
            )
        by_gamma = sum_over_replicas(by_gamma)
        return loss, logits, tape.gradient(gamma, alpha, by_gamma)

    def logits(self, points: Any, levels: Any) -> Any:
        """`alpha = H_a(S, r) + start`; for the level of r see `config.level`."""
        return self.hypernetwork(points, levels) + self.start

    def _task_gradients(self, x: Any, y: Any, gamma: Any) -> Any:
        """Loss, logits, and gradients by weights and, in soft mode, by gamma."""
        with tf.GradientTape() as tape:
            tape.watch(gamma)
            loss, logits = self._task_loss(x, y, gamma)
        by = tape.gradient(loss, [self.supernet.trainable_variables, gamma])
        return loss, logits, by

    def _task_loss(self, x: Any, y: Any, gamma: Any) -> Any:
        logits = self.supernet([x, gamma], training=True)
        return self.compute_loss(y=y, y_pred=logits), logits

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
        alpha = self.logits(*self._place())
        gamma = ops.one_hot(ops.argmax(alpha, axis=-1), len(self.space.ops))
        return self.supernet([images, gamma], training=training)

    def alpha(
        self, budget: Sequence[float] | None = None, strength: float = 1.0
    ) -> Any:
        """Logits of every choice as an array, at the uniform point by default."""
        return np.asarray(self.logits(*self._place(budget, strength)))

    def _place(
        self, budget: Sequence[float] | None = None, strength: float = 1.0
    ) -> tuple[Any, Any]:
        axes = self.space.axes
        point = uniform(len(axes)) if budget is None else check_budget(budget, axes)
        return tf.constant(point), tf.constant(self.config.level(strength))

    def alphas(self, points: Any, levels: Any) -> Any:
        """Logits of `(num, num_axes)` points and `(num,)` levels of strength."""
        return np.asarray(self._alphas(np.float32(points), np.float32(levels)))

    def derive(
        self,
        budget: Sequence[float] | None = None,
        *,
        strength: float = 1.0,
        max_latency_ms: float | None = None,
    ) -> Architecture:
        """The member at a point of the simplex, or the one that a limit leaves most to.

        Of the members within a limit it is the slowest: none is scored, as
        `tfnas export --max-latency` does, because no images are at hand.

        Args:
            budget: The point.
            strength: What all prices at the point are multiplied by.
            max_latency_ms: The limit, kept by the upper end of the predicted interval.

        Raises:
            SettingsError: If the point or the strength is none that was searched.
            ValueError: If not one of the two is given.
            LimitError: If no member keeps the limit.
        """
        if budget is not None and max_latency_ms is None:
            return derive(self.space, self.alpha(budget, strength))
        if budget is None and max_latency_ms is not None:
            members = sweep(self.space, self.alphas, self.config, POINTS)
            return largest_within(members, self.table, max_latency_ms)
        raise ValueError("derive takes a budget or max_latency_ms, one of the two")


def make_search(config: SearchConfig, table: LatencyTable, steps: int) -> Search:
    """A compiled search of a table's space, as the settings describe it.

    The weights' learning rate is annealed over all epochs, each of so many steps.
    """
    search = Search(table.space, table, config)
    moves = steps * config.epochs + config.warmup_steps(steps)
    rate = keras.optimizers.schedules.CosineDecay(config.weight_lr, moves)
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
