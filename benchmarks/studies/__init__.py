"""Simulation studies, run on demand: ``make studies``. docs/studies.md shows their results."""
