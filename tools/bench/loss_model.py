"""A search within a minute: the losses of a supernet, learned, in its place.

Random networks are scored with RUN's supernet on images that it held out, and a small
network learns their losses. Then hypernetworks are searched against it as a search does
it, with the noise that batches of images have: long enough to compare settings that
only concern the hypernetwork. What they cover is printed as `coverage.py` prints it,
and the loss of the best member within each of 40 limits, on the mean. It knows nothing
of weights that move: what looks better here is to be searched for real.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import tensorflow as tf
from coverage import report
from numpy.typing import NDArray
from options import FILE, FOLDER, OUTPUT

from tfnas.data.halves import search_halves
from tfnas.data.load import load_source
from tfnas.family.extremes import fastest, slowest
from tfnas.search.derive import POINTS, sweep
from tfnas.search.run import Run
from tfnas.search.search import Search, make_search
from tfnas.search.settings import SearchConfig
from tfnas.support.progress import bar

BATCH, IMAGES = 64, 256
Array = NDArray[Any]


def draw(usable: Array, rng: Any) -> Array:
    """A random network, one-hot; some of nearly one op, some of all alike."""
    count = usable.shape[1]
    shares = rng.dirichlet(np.full(count, rng.choice([0.3, 1, 5]))) * usable
    shares /= shares.sum(axis=1, keepdims=True)
    found = [rng.choice(count, p=row) for row in shares]
    return np.eye(count, dtype=np.float32)[found]


def sample(run: Run, count: int) -> dict[str, Array]:
    """Networks, their losses on the same images, and the noise of a batch's loss."""
    config, table = run.load_config(), run.load_table()
    search = make_search(config, table, steps=1)
    search.supernet.load_weights(run.supernet)
    data = load_source(config.source, search.space.input_shape)
    held = search_halves(data, config.batch_size, config.seed).held_out
    x, y = (np.asarray(one) for one in held)
    rng, usable = np.random.default_rng(0), table.usable()

    def loss(network: Array, images: Array) -> float:
        batch = tf.constant(x[images], tf.float32), tf.constant(y[images])
        return float(search._loss(*batch, tf.constant(network))[0])

    networks = [draw(usable, rng) for _ in range(count)]
    seen = rng.permutation(len(x))[:IMAGES]
    losses = []
    with bar(count, f"Scoring {count} networks") as progress:
        for network in networks:
            losses.append(loss(network, seen))
            progress.update()
    batches = [rng.choice(len(x), BATCH, replace=False) for _ in range(25)]
    seen_by = np.array([[loss(n, images) for n in networks[:20]] for images in batches])
    rest = seen_by - seen_by.mean(axis=0) - seen_by.mean(axis=1, keepdims=True)
    return {
        "networks": np.array(networks),
        "losses": np.array(losses),
        "noise": np.array(np.std(rest)),
    }


def learned(networks: Array, losses: Array) -> Any:
    """A model of the loss; its error on a fifth left out goes to stderr."""
    keras.utils.set_random_seed(0)
    one_hot = keras.Input(networks.shape[1:])
    flat = keras.layers.Flatten()(one_hot)
    hidden = keras.layers.Dense(128, "swish")(keras.layers.Dense(256, "swish")(flat))
    out = keras.layers.Dense(1)(hidden) + keras.layers.Dense(1)(flat)
    model = keras.Model(one_hot, out)
    known = len(losses) * 4 // 5
    mean, spread = float(losses.mean()), float(losses.std())
    rate = keras.optimizers.schedules.CosineDecay(2e-3, 150 * known // 64)
    model.compile(keras.optimizers.Adam(rate), "mse")
    scaled = (losses - mean) / spread
    model.fit(networks[:known], scaled[:known], 64, 150, verbose=0)
    rest = scaled[known:]
    error = np.mean((model.predict(networks[known:], verbose=0)[:, 0] - rest) ** 2)
    click.echo(f"R2 on networks left out: {1 - error / rest.var():.3f}", err=True)
    return keras.Model(one_hot, out * spread + mean)


def searched(
    config: SearchConfig, table: Any, model: Any, noise: float, steps: int
) -> Search:
    """A hypernetwork that so many steps have moved against a model of the loss."""
    search = make_search(config, table, steps)
    counter = tf.Variable(0)

    def loss_of(x: Any, y: Any, gamma: Any) -> tuple[Any, Any]:
        seed = tf.stack([config.seed, counter.assign_add(1)])
        loss = model(gamma[None])[0, 0] + noise * tf.random.stateless_normal((), seed)
        return loss, gamma  # where logits stand: nobody looks at them

    search._loss = loss_of

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(iteration: Any) -> None:
        seeds = search.draws.seeds(iteration)
        search._second_half(None, (None, None), seeds[3:], False)

    for iteration in range(steps):
        step(tf.constant(iteration))
    return search


def loss_at_limits(search: Search, model: Any) -> float:
    """Loss of the best member within each of 40 limits, on the mean."""
    table = search.table
    members = sweep(search.space, search.alphas, search.config, POINTS)
    times = np.array([table.predict(member).latency_ms for member in members])
    one_hot = np.eye(len(search.space.ops), dtype=np.float32)
    losses = model.predict(one_hot[[m.indices for m in members]], verbose=0)[:, 0]
    low, high = (table.predict(end(table)).latency_ms for end in (fastest, slowest))
    limits = np.geomspace(1.1 * low, high, 40)
    return float(np.mean([losses[times <= limit].min() for limit in limits]))


@click.command()
@click.argument("run", type=FOLDER)
@click.option("--config", type=FILE, help="Settings; those of RUN by default.")
@click.option("--steps", default=1800, show_default=True, help="Of the hypernetwork.")
@click.option("--seeds", default=3, show_default=True, help="Searches.")
@click.option("--networks", default=3000, show_default=True, help="To learn from.")
@click.option("--kept", type=OUTPUT, default="losses.npz", help="Their losses.")
def main(
    run: Path, config: Path | None, steps: int, seeds: int, networks: int, kept: Path
) -> None:
    """Search hypernetworks against the losses of RUN's supernet."""
    if not kept.exists():
        np.savez(kept, allow_pickle=False, **sample(Run(run), networks))
    with np.load(kept, allow_pickle=False) as known:
        model = learned(known["networks"], known["losses"])
        noise = float(known["noise"])
    base = SearchConfig.load(config) if config else Run(run).load_config()
    for seed in range(seeds):
        one = SearchConfig.from_dict({**asdict(base), "seed": seed})
        search = searched(one, Run(run).load_table(), model, noise, steps)
        found = {"loss": loss_at_limits(search, model), **report(search)}
        print(f"seed {seed}: {json.dumps(found)}", flush=True)


if __name__ == "__main__":
    main()
