"""What an operator sees of a running service: metrics, traces, log lines."""

from service.observing.counts import Count
from service.observing.instruments import CONTENT_TYPE, Instruments

__all__ = ["CONTENT_TYPE", "Count", "Instruments"]
