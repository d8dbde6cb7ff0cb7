"""Disk, screen, other programs, what other packages bring; knows no network."""
