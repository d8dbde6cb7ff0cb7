"""How a family is searched."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfnas.data.source import Source
from tfnas.errors import SettingsError
from tfnas.spaces.simplex import Budget, parse_budget, uniform
from tfnas.support.settings import Settings, one_of, within

_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class SearchConfig(Settings):
    """Settings of one search.

    Attributes:
        data: What `tfnas.data.load.load` takes: a name, folder, file or function.
        skip_bad_images: Leave out images of a folder that cannot be read.
        epochs: Passes over the weights' half of the training data.
        batch_size: Images per step, from each half.
        weight_lr: Learning rate of the network weights, annealed to 0 by a cosine.
        weight_decay: Decoupled decay of the network weights.
        arch_lr: Learning rate of the hypernetwork.
        mode: `sampled` or `soft`: one op or all ops of a choice run in a step.
        order: 1, or 2 for the unrolled gradient of DARTS, in soft mode: five passes a
            step, not two.
        hypernetwork: `pivot` or `mlp`.
        sampler: `gumbel`, `dirichlet` or `fixed`: how points of the simplex are drawn.
        focus: The point that `fixed` takes, and whose shares tell how often `gumbel`
            makes each axis the dearest, such as `0.5,0.3,0.2`; uniform where empty.
        tau: Temperature of `gumbel`'s points: lower is nearer to the vertices.
        least_strength: Least factor on all prices that is drawn.
        most_strength: Most of it.
        precision: `float32`, or `mixed_bfloat16` on devices that are fast with it.
        patience: Epochs without a better member at the uniform point before the search
            ends early; 0 never ends it.
        params_weight: lambda of the objective.
        latency_weight: kappa of the objective.
        count_weight: mu of the objective.
        warmup: Share of the steps, the first ones, in which the hypernetwork rests and
            both halves train the weights, so that ops are compared only once their
            weights have learned something.
        start_temperature: Of the Gumbel-Softmax over ops, in the first epoch, in soft
            mode; in sampled mode the largest share is drawn at any temperature.
        end_temperature: Of it in the last epoch.
        seed: Of weights, noise, splits and shuffling.
    """

    data: str = "fashion_mnist"
    skip_bad_images: bool = False
    epochs: int = within(18, low=1)
    batch_size: int = within(64, low=1)
    weight_lr: float = 0.05
    weight_decay: float = 3e-4
    arch_lr: float = 0.03
    mode: str = one_of("sampled", "soft")
    order: int = within(1, low=1, high=2)
    hypernetwork: str = one_of("pivot", "mlp")
    sampler: str = one_of("gumbel", "dirichlet", "fixed")
    focus: str = ""
    tau: float = within(1.0, low=0.01)
    least_strength: float = within(0.01, low=1e-6)
    most_strength: float = within(100.0, low=1e-6)
    precision: str = one_of("float32", "mixed_bfloat16")
    patience: int = 0
    params_weight: float = 0.006
    latency_weight: float = 0.36
    count_weight: float = 0.24
    warmup: float = within(0.5, high=1)
    start_temperature: float = within(1.0, low=0.01)
    end_temperature: float = within(0.2, low=0.01)
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order == 2 and self.mode != "soft":
            raise SettingsError(
                "order 2 needs mode soft (--mode soft): a loss has no gradient by an "
                "op that is drawn"
            )
        if self.order == 2 and self.precision != "float32":
            raise SettingsError(
                "order 2 needs precision float32: the finite difference of its "
                "gradient is smaller than what bfloat16 rounds away"
            )
        if not self.least_strength <= 1 <= self.most_strength:
            raise SettingsError(
                f"Strengths of {self.least_strength:g} to {self.most_strength:g} leave "
                "out 1, that of a budget alone"
            )

    @property
    def source(self) -> Source:
        """What its data is loaded by."""
        return Source(self.data, self.skip_bad_images, typed=True)

    def focus_point(self, axes: Sequence[str]) -> Budget:
        """The point that draws favour.

        Args:
            axes: Names of the axes of the budget.

        Raises:
            SettingsError: If `focus` names none that is on the simplex.
        """
        try:
            return parse_budget(self.focus, axes) if self.focus else uniform(len(axes))
        except SettingsError as error:
            raise SettingsError(f"--focus: {error}") from error

    def level(self, strength: float) -> float:
        """Where a strength lies between the least that is drawn, -1, and the most, 1.

        Raises:
            SettingsError: If it is beyond either: the search has not seen it.
        """
        least, most = self.least_strength, self.most_strength
        if not least * (1 - _ROUNDING) <= strength <= most * (1 + _ROUNDING):
            raise SettingsError(
                f"--strength {strength:g}: take one of the {least:g} to {most:g} that "
                "the search has seen"
            )
        if least == most:
            return 0.0
        return 2 * math.log(strength / least) / math.log(most / least) - 1

    def strength(self, level: Any) -> Any:
        """The strength that `level` maps there, for a number or an array."""
        share = (level + 1) / 2
        return self.least_strength ** (1 - share) * self.most_strength**share

    @property
    def rest_epochs(self) -> int:
        """Epochs that begin with the hypernetwork at rest."""
        return math.ceil(self.warmup * self.epochs)

    def warmup_steps(self, steps: int) -> int:
        """Steps in which the hypernetwork rests, of epochs of so many steps."""
        return int(self.warmup * self.epochs * steps)
