"""How a family is searched."""

from dataclasses import dataclass

from tfnas.data.source import Source
from tfnas.errors import SettingsError
from tfnas.support.settings import Settings, one_of, within


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
        order: 1, or 2 for the unrolled gradient of DARTS: five passes a step, not two.
        hypernetwork: `pivot` or `mlp`.
        sampler: `gumbel` or `dirichlet`: how points of the simplex are drawn.
        precision: `float32`, or `mixed_bfloat16` on devices that are fast with it.
        patience: Epochs without a better member at the uniform point before the search
            ends early; 0 never ends it.
        params_weight: lambda of the objective.
        latency_weight: kappa of the objective.
        count_weight: mu of the objective.
        warmup: Share of the epochs in which the hypernetwork rests, so that ops are
            compared only once their weights have learned something.
        start_temperature: Of the Gumbel-Softmax over ops, in the first epoch.
        end_temperature: Of it in the last epoch.
        seed: Of weights, noise, splits and shuffling.
    """

    data: str = "fashion_mnist"
    skip_bad_images: bool = False
    epochs: int = within(6, low=1)
    batch_size: int = within(64, low=1)
    weight_lr: float = 0.05
    weight_decay: float = 3e-4
    arch_lr: float = 3e-3
    mode: str = one_of("sampled", "soft")
    order: int = within(1, low=1, high=2)
    hypernetwork: str = one_of("pivot", "mlp")
    sampler: str = one_of("gumbel", "dirichlet")
    precision: str = one_of("float32", "mixed_bfloat16")
    patience: int = 0
    params_weight: float = 0.012
    latency_weight: float = 0.004
    count_weight: float = 0.12
    warmup: float = within(0.34, high=1)
    start_temperature: float = within(1.0, low=0.01)
    end_temperature: float = within(0.2, low=0.01)
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order == 2 and self.precision != "float32":
            raise SettingsError(
                "order 2 needs precision float32: the finite difference of its "
                "gradient is smaller than what bfloat16 rounds away"
            )

    @property
    def source(self) -> Source:
        """What its data is loaded by."""
        return Source(self.data, self.skip_bad_images, typed=True)

    @property
    def warmup_epochs(self) -> int:
        """Epochs in which the hypernetwork rests."""
        return int(self.warmup * self.epochs)
