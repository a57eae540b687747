"""What is written down while aqsync works: a short constant message and named fields.

::

    log = Log(__name__)
    log.info("uploaded", path=path, size=size, mapping=mapping)

Until `aqsync.service.logs.set_up` says where it goes, nothing is written anywhere.
"""

from __future__ import annotations

import logging

logging.getLogger("aqsync").addHandler(logging.NullHandler())


class Log:
    """One module's way to the log.

    A message is a constant, what varies stands in fields; so records can be counted and searched.
    A field that is None is left out. Nothing secret may stand in either.

    Args:
        name: The module's ``__name__``.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, /, **fields: object) -> None:
        """Something that only a developer wants to know."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: object) -> None:
        """Something that happened as it should."""
        self._write(logging.INFO, message, fields)

    def warning(
        self, message: str, /, *, exc: BaseException | None = None, **fields: object
    ) -> None:
        """Something that a person should know of; the work goes on.

        Args:
            message: What happened.
            exc: The error behind it; becomes fields as in `error`.
            **fields: To what, how much, since when.
        """
        self._write(logging.WARNING, message, fields, exc)

    def error(self, message: str, /, *, exc: BaseException | None = None, **fields: object) -> None:
        """Something that a person must correct.

        Args:
            message: What happened.
            exc: The error behind it: becomes the fields ``error`` and ``hint``, and ``traceback``
                if it is none of `aqsync.errors`.
            **fields: To what, how much, since when.
        """
        self._write(logging.ERROR, message, fields, exc)

    def _write(
        self,
        level: int,
        message: str,
        fields: dict[str, object],
        exc: BaseException | None = None,
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, message, exc_info=exc, extra={"fields": fields})
