"""Settings of a search and of an export: frozen, checked, TOML both ways."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import tomli_w

from tfnas.errors import SettingsError, nearest


def _within(default: Any, low: float = 0, high: float = math.inf) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


def _one_of(*known: str) -> Any:
    return field(default=known[0], metadata={"one_of": known})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all settings share: known keys, values of the default's type, TOML."""

    def __post_init__(self) -> None:
        for setting in fields(self):
            value, known = getattr(self, setting.name), setting.metadata
            if "one_of" in known and value not in known["one_of"]:
                hint = nearest(str(value), [*known["one_of"]])
                raise SettingsError(f"Unknown {setting.name} {value!r}. {hint}")
            low, high = known.get("low", 0), known.get("high", math.inf)
            if isinstance(value, (int, float)) and not low <= value <= high:
                limit = f"from {low}" + (f" to {high}" if high < math.inf else "")
                raise SettingsError(f"{setting.name} must be {limit}, got {value}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from plain values; a key that no field has is an error.

        Raises:
            SettingsError: If a key is unknown or a value is of another type.
        """
        types = {field.name: type(field.default) for field in fields(cls)}
        for key, value in values.items():
            if key not in types:
                raise SettingsError(
                    f"Unknown setting {key!r}. {nearest(key, [*types])}"
                )
            number = types[key] is float and type(value) is int
            if type(value) is not types[key] and not number:
                raise SettingsError(
                    f"Setting {key} must be {types[key].__name__}, got {value!r}"
                )
        return cls(**values)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file of settings."""
        try:
            return cls.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise SettingsError(f"Cannot read {path}: {error.strerror}") from error
        except ValueError as error:
            raise SettingsError(f"{path} is no TOML: {error}") from error
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from error

    def dumps(self) -> str:
        """The settings as TOML."""
        return tomli_w.dumps(asdict(self))


@dataclass(frozen=True, kw_only=True)
class SearchConfig(Settings):
    """Settings of one search.

    Attributes:
        data: What `tfnas.data.load` takes: a name, folder, file or function.
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
    epochs: int = _within(6, low=1)
    batch_size: int = _within(64, low=1)
    weight_lr: float = 0.05
    weight_decay: float = 3e-4
    arch_lr: float = 3e-3
    mode: str = _one_of("sampled", "soft")
    order: int = _within(1, low=1, high=2)
    hypernetwork: str = _one_of("pivot", "mlp")
    sampler: str = _one_of("gumbel", "dirichlet")
    precision: str = _one_of("float32", "mixed_bfloat16")
    patience: int = 0
    params_weight: float = 0.012
    latency_weight: float = 0.004
    count_weight: float = 0.12
    warmup: float = _within(0.34, high=1)
    start_temperature: float = _within(1.0, low=0.01)
    end_temperature: float = _within(0.2, low=0.01)
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order == 2 and self.precision != "float32":
            raise SettingsError(
                "order 2 needs precision float32: the finite difference of its "
                "gradient is smaller than what bfloat16 rounds away"
            )

    @property
    def warmup_epochs(self) -> int:
        """Epochs in which the hypernetwork rests."""
        return int(self.warmup * self.epochs)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Settings):
    """Settings of training one member.

    Attributes:
        epochs: Passes over the whole training set; 0 keeps the supernet's weights.
        batch_size: Images per step.
        lr: Highest learning rate; a cosine anneals it to 0.
        weight_decay: Decoupled weight decay.
        from_scratch: Start from fresh weights instead of the supernet's.
        quantize: `auto`; `int8`, after training; `qat`, int8 in training; `dynamic`,
            `float16` or `float32`.
        max_accuracy_drop: Points of accuracy, in per cent, that `auto` lets int8 cost.
        seed: Of weights, augmentation and shuffling.
    """

    epochs: int = 3
    batch_size: int = _within(64, low=1)
    lr: float = 0.05
    weight_decay: float = 3e-4
    from_scratch: bool = False
    quantize: str = _one_of("auto", "int8", "qat", "dynamic", "float16", "float32")
    max_accuracy_drop: float = 0.5
    seed: int = 0
