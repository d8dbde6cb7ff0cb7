"""Devices: compile a model, time it."""
