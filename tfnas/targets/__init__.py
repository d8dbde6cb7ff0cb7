"""Devices: compile a model, time it. What who writes a target imports stands here."""

from tfnas.targets.measurement import Measurement
from tfnas.targets.registry import get_target
from tfnas.targets.target import Target
from tfnas.tflite.traits import Traits

__all__ = ["Target", "Traits", "Measurement", "get_target"]
