"""Models of many shapes and sizes, beside the peers: ``python -m benchmarks --only models``."""
