"""Benchmarks of speed and memory, compared with the libraries that users would take instead of this package."""
