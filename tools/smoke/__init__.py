"""A smoke test of containers that run: what is acknowledged while some die is there afterwards."""
