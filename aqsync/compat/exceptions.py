"""As `aqsync.aqueduct.exceptions`."""

from __future__ import annotations

from aqsync.aqueduct.exceptions import (
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
