"""The log as it was before a test set it up."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def log_left_as_it_was() -> Iterator[None]:
    """What `aqsync.service.logs.set_up` does within is undone at the end."""
    loggers = [logging.getLogger(), logging.getLogger("aqsync")]
    hooks = sys.excepthook, threading.excepthook
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        sys.excepthook, threading.excepthook = hooks
        for logger, handlers, level, propagate in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.propagate = propagate
