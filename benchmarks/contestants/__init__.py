"""The programs compared: each a process that fits when told (see benchmarks.contestant)."""
