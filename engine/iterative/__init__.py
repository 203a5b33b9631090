"""Crossed designs too large for a dense factor: conjugate gradients and stochastic traces."""
