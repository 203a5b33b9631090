"""Tests and intervals; every module reads a fit."""
