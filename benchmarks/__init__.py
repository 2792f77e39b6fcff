"""How fast the course is, beside what people use instead: `python -m benchmarks`, or `make bench`."""
