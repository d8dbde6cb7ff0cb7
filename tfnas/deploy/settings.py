"""How a member is trained and quantized."""

from dataclasses import dataclass

from tfnas.support.settings import Settings, one_of, within


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
    batch_size: int = within(64, low=1)
    lr: float = 0.05
    weight_decay: float = 3e-4
    from_scratch: bool = False
    quantize: str = one_of("auto", "int8", "qat", "dynamic", "float16", "float32")
    max_accuracy_drop: float = 0.5
    seed: int = 0
