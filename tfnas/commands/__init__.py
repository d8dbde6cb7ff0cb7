"""The commands of `tfnas`: parse, call the Python API, print the result."""
