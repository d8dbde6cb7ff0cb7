"""What an op costs on a device: tables, and how they are measured."""
