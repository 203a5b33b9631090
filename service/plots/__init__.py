"""Plots of a fitted model: what of the engine's results is shown, as tables and words."""
