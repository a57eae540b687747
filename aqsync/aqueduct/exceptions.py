"""The errors that pyaqueduct had a module of this name for; `aqsync.errors` has them all."""

from __future__ import annotations

from aqsync.errors import (
    FileDownloadError,
    FileRemovalError,
    FileToUploadNotFoundError,
    FileUploadError,
    ForbiddenError,
    PyAqueductError,
    RemoteOperationError,
    UnAuthorizedError,
)

__all__ = [
    "FileDownloadError",
    "FileRemovalError",
    "FileToUploadNotFoundError",
    "FileUploadError",
    "ForbiddenError",
    "PyAqueductError",
    "RemoteOperationError",
    "UnAuthorizedError",
]
