"""What ways of teaching a member are worth, each with the same time to train.

Every recipe trains the same members, from the supernet's weights or from fresh ones, on
a part of the training set, and is scored on its held-out tenth; the test set is not
looked at. A step of each is timed first, in turns, and the time that the plain recipe
needs is what all get. The teacher's own training is not counted: a family needs one.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import tensorflow as tf
from chance import subset
from start import without_test

from tfnas.data.batches import batches, in_order
from tfnas.data.dataset import Dataset
from tfnas.data.load import load
from tfnas.deploy.settings import TrainConfig
from tfnas.deploy.train import train_member
from tfnas.networks.build import build
from tfnas.networks.evaluate import accuracy
from tfnas.networks.fast_layers import fast_layers
from tfnas.networks.weights import Weights, inherit, named_weights
from tfnas.search.run import Run
from tfnas.search.search import load_search
from tfnas.spaces.architecture import Architecture
from tfnas.spaces.simplex import budget_name, parse_budget

LOOKS, LOOK_IMAGES = 6, 2000
TIMED_STEPS = 20
Teach = Callable[[Any, Any], tuple[Any, Any]]


def hard(images: Any, labels: Any) -> tuple[Any, Any]:
    """Change nothing."""
    return images, labels


def smooth(images: Any, labels: Any) -> tuple[Any, Any]:
    """Take a tenth of the certainty away (Szegedy 2016, arXiv 1512.00567)."""
    return images, 0.9 * labels + 0.1 / labels.shape[1]


def by_layer(layer: Any) -> Teach:
    """An augmentation layer of Keras, which may mix images and labels."""

    def teach(images: Any, labels: Any) -> tuple[Any, Any]:
        mixed = layer({"images": images, "labels": labels}, training=True)
        return mixed["images"], mixed["labels"]

    return teach


def by_teacher(teacher: Any, share: float) -> Teach:
    """Labels that are in part what a teacher sees in the same image (arXiv 1503.02531).

    The teacher looks at the augmented image, as in arXiv 2106.05237.
    """

    def teach(images: Any, labels: Any) -> tuple[Any, Any]:
        seen = tf.nn.softmax(teacher(images, training=False))
        return images, (1 - share) * labels + share * seen

    return teach


def recipes(teacher: Any) -> dict[str, Teach]:
    """Ways of teaching by name, the plain one first."""
    values = {"value_range": (0, 1), "seed": 0}
    return {
        "plain": hard,
        "label smoothing": smooth,
        "mixup": by_layer(keras.layers.MixUp(alpha=0.2, seed=0)),
        "cutmix": by_layer(keras.layers.CutMix(seed=0)),
        "randaugment": by_layer(keras.layers.RandAugment(factor=0.2, **values)),
        "distillation 0.5": by_teacher(teacher, 0.5),
        "distillation 0.9": by_teacher(teacher, 0.9),
    }


class Trainer:
    """One member under one recipe.

    Args:
        member: What is trained.
        data: Gives the training set.
        weights: Where it starts; fresh weights where None.
        teach: The recipe.
    """

    def __init__(
        self, member: Architecture, data: Dataset, weights: Weights | None, teach: Teach
    ) -> None:
        keras.utils.set_random_seed(0)
        self.config = TrainConfig()
        self.data = data
        self.model = build(member, layers=fast_layers)
        if weights is not None:
            inherit(self.model, weights, member)
        classes = len(data.classes)
        seen = batches(
            *(data.x_train, data.y_train, self.config.batch_size),
            seed=0,
            flip=data.flip,
            epochs=range(10_000),
        )
        self.batches = seen.map(lambda x, y: teach(x, tf.one_hot(y, classes)))

    def fit(self, steps: int) -> list[float]:
        """Train for so many steps; accuracies of a part of the held-out images."""
        config = self.config
        rate = keras.optimizers.schedules.CosineDecay(config.lr, steps)
        self.model.compile(
            keras.optimizers.SGD(
                rate, momentum=0.9, nesterov=True, weight_decay=config.weight_decay
            ),
            keras.losses.CategoricalCrossentropy(from_logits=True),
        )
        scores: list[float] = []
        x, y = self.data.x_test, self.data.y_test

        def look(*_: Any) -> None:
            scores.append(
                accuracy(self.model, in_order(x[:LOOK_IMAGES], y[:LOOK_IMAGES]))
            )

        self.model.fit(
            self.batches,
            epochs=LOOKS,
            steps_per_epoch=steps // LOOKS,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)],
        )
        return scores


def step_seconds(trainers: dict[str, Trainer]) -> dict[str, float]:
    """Processor seconds a step of each recipe takes: the median of three turns."""
    found: dict[str, list[float]] = {name: [] for name in trainers}
    for trainer in trainers.values():
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        trainer.model.compile("sgd", loss)
        trainer.model.fit(trainer.batches.take(2), verbose=0)
    for _ in range(3):
        for name, trainer in trainers.items():
            began = time.process_time()  # other work does not count
            trainer.model.fit(trainer.batches.take(TIMED_STEPS), verbose=0)
            found[name].append((time.process_time() - began) / TIMED_STEPS)
    return {name: float(np.median(times)) for name, times in found.items()}


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--budget", "budgets", multiple=True, help="Members.  [default: A and B]")
@click.option("--teacher", default="0.70,0.15,0.15", help="Point of the teacher.")
@click.option("--images", default=54_000, show_default=True, help="To train on.")
@click.option("--epochs", default=3, show_default=True, help="Of the plain recipe.")
@click.option("--from-scratch", is_flag=True, help="Fresh weights.")
@click.option("--only", multiple=True, help="Recipes beside the plain one.")
def main(
    run: Path,
    budgets: tuple[str, ...],
    teacher: str,
    images: int,
    epochs: int,
    from_scratch: bool,
    only: tuple[str, ...],
) -> None:
    """Train members of RUN by every recipe and print a line of JSON for each."""
    search = load_search(Run(run))
    data = subset(without_test(load(Run(run).load_config().data)), images)
    weights = None if from_scratch else named_weights(search.supernet)
    best = search.derive(parse_budget(teacher, search.space.ops))
    taught = train_member(best, data, TrainConfig(epochs=epochs), weights=weights)
    print(
        f"teacher: {accuracy(taught, in_order(data.x_test, data.y_test)):.2%}",
        flush=True,
    )
    ways = recipes(taught)
    ways = {name: ways[name] for name in ways if not only or name in {"plain", *only}}
    for text in budgets or (",".join(["0.3333"] * 3), "0.15,0.15,0.70"):
        budget = parse_budget(text, search.space.ops)
        member = search.derive(budget)

        def trainer(teach: Teach, member: Architecture = member) -> Trainer:
            return Trainer(member, data, weights, teach)

        seconds = step_seconds({name: trainer(way) for name, way in ways.items()})
        whole = epochs * (len(data.x_train) // TrainConfig().batch_size)
        for name, way in ways.items():
            steps = round(whole * seconds["plain"] / seconds[name])
            pupil = trainer(way)
            scores = pupil.fit(steps)
            row = {
                "member": budget_name(budget),
                "recipe": name,
                "step_seconds": round(seconds[name], 4),
                "steps": steps,
                "accuracy": accuracy(pupil.model, in_order(data.x_test, data.y_test)),
                "on_the_way": [round(score, 4) for score in scores],
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
