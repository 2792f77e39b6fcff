"""Benchmarks of the course against the usual alternatives: `python -m benchmarks`, or `make bench`."""
