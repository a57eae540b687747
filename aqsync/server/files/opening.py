"""Which store a server keeps files in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from aqsync.server.catalog.database import Database
from aqsync.server.errors import ServerStartError
from aqsync.server.files.blobs import BlobStore
from aqsync.server.files.directory_blobs import DirectoryBlobs
from aqsync.server.files.file_notes import FileNotes
from aqsync.server.files.folder_store import FolderStore
from aqsync.server.files.place import check_blobs, check_folders, check_place
from aqsync.server.files.recorded_store import RecordedStore
from aqsync.server.files.space import Space
from aqsync.server.settings import StorageSettings

_HINT = "Write it like /shared/files or s3://BUCKET/PREFIX?endpoint=http://127.0.0.1:8333."


@dataclass(frozen=True, slots=True)
class Limits:
    """How much room files have.

    Args:
        quota: How many bytes all files together may have; None for no limit.
        reserve: How many bytes of the disk stay free; None for the default of `Space`.
    """

    quota: int | None = None
    reserve: int | None = None


def open_files(
    settings: StorageSettings, data: Path, database: Database, limits: Limits
) -> FolderStore | RecordedStore:
    """Open the store of files.

    Args:
        settings: Where everything is kept.
        data: The server's own directory, which is there.
        database: The database.
        limits: How much room there is.

    Raises:
        ServerStartError: It cannot be used, or the database belongs to another one.
        OSError: The directory cannot be used.
    """
    if settings.files is None:
        check_place(data, database, is_shared=settings.database is not None)
        space = Space(data, limits.quota, limits.reserve)
        return FolderStore(data, FileNotes(database), space)
    blobs = open_blobs(settings.files)
    try:
        check_folders(data)
        check_blobs(blobs, database)
        space = Space(blobs.disk, limits.quota, limits.reserve)
        return RecordedStore(database, blobs, space)
    except BaseException:
        blobs.close()
        raise


def open_blobs(address: str) -> BlobStore:
    """Open the place for blobs that an option names.

    Args:
        address: The path of a directory, a ``file:`` URL, or ``s3://BUCKET/PREFIX``, after which
            ``?endpoint=URL`` and ``&region=NAME`` may stand.

    Raises:
        ServerStartError: It names none, or one that cannot be used.
    """
    if address.startswith("/"):
        return DirectoryBlobs(Path(address))
    parts = urlsplit(address)
    match parts.scheme:
        case "file" if parts.path.startswith("/") and not (parts.netloc or parts.query):
            return DirectoryBlobs(Path(unquote(parts.path)))
        case "s3":
            return _bucket(parts)
    raise _refused("it is neither an absolute path nor a URL that begins with s3: or file:")


def _bucket(parts: SplitResult) -> BlobStore:
    try:
        # An optional extra.
        from aqsync.server.files.object_blobs import Bucket, ObjectBlobs  # noqa: PLC0415
    except ImportError as exc:
        raise ServerStartError(
            f"what talks to object stores is not installed ({exc.name or exc} is missing)",
            "In a clone of aqsync: pip install '.[server,objects]'",
        ) from exc
    # What follows an @ could be a password, which nobody is to see: not even in a refusal.
    if "@" in parts.netloc or ":" in parts.netloc or not parts.netloc:
        raise _refused(
            "after s3:// it names a bucket, and nothing else; credentials are AWS_*"
            " in the environment"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint, region = options.pop("endpoint", None), options.pop("region", None)
    if options:
        raise _refused(f"it has the option {min(options)}, and there are endpoint and region only")
    if endpoint is not None:
        where = urlsplit(endpoint)
        if where.scheme not in {"http", "https"} or not where.hostname or "@" in where.netloc:
            raise _refused("the endpoint is a URL such as https://s3.example.org, without a user")
    return ObjectBlobs(Bucket(parts.netloc, unquote(parts.path).strip("/"), endpoint, region))


def _refused(why: str) -> ServerStartError:
    return ServerStartError(f"the place of files cannot be used: {why}", _HINT)
