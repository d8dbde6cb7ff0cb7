"""What cannot be exported: refused before a network is chosen and trained."""

from tfnas.deploy.quantize import AWARE, missing_for_qat
from tfnas.deploy.settings import TrainConfig
from tfnas.errors import SettingsError
from tfnas.family.limits import Limits
from tfnas.latency.table import LatencyTable
from tfnas.networks.convert import FLOATS
from tfnas.targets.registry import target_class


def require_possible(table: LatencyTable, limits: Limits, config: TrainConfig) -> None:
    """Refuse settings that no member for a device can be quantized by.

    Args:
        table: Prices of the device.
        limits: What a member must keep.
        config: Says how it is to be quantized.

    Raises:
        TargetError: If there is no such target here.
        SettingsError: If the target, a limit or what is installed rules that out.
    """
    target = table.target
    traits = target_class(target).traits
    if config.quantize in FLOATS and traits.suffix:
        raise SettingsError(f"{target} runs int8 alone: leave out --quantize")
    if config.quantize in FLOATS and limits.latency_ms:
        raise SettingsError(
            f"A limit in time is on int8, which is what {target} was timed in: leave "
            "out --max-latency or --quantize"
        )
    if config.quantize == AWARE and (lacks := missing_for_qat()):
        raise SettingsError(lacks)
