"""The radon domain: the State Residential Radon Survey and what is asked of it."""
