"""The Edge TPU: its compiler, its rules, and an estimate."""
