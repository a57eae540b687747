"""aqsync: keeps an Aqueduct experiment server filled from directories on this machine."""

__version__ = "0.1.0"
