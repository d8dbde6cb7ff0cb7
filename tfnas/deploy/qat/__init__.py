"""Training with int8 in the loop."""
