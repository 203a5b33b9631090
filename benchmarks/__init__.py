"""Side by side with the peers, in one command: ``make bench``."""
