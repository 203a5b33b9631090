"""The page docs/benchmarks.md and its figures, from results: ``make bench-figures``."""
