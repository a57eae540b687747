"""The options that say where an embedded server keeps everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqsync.cli.local_path import PATH
from aqsync.errors import ServeFailed

if TYPE_CHECKING:
    from aqsync.server.settings import StorageSettings

_TO = "to-"


def storage_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take them, as its argument ``storage``; None if none of them was given.

    `needed` refuses that.
    """
    return _with_options(command, "storage", "")


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take those of a second storage, which begin with ``--to-``, as ``target``."""
    return _with_options(command, "target", _TO)


def _with_options(command: Callable[..., Any], argument: str, prefix: str) -> Callable[..., Any]:
    names = [f"{prefix}{option}".replace("-", "_") for option in ("data", "database", "files")]

    @click.option(f"--{prefix}data", type=PATH, help="The directory for all data.")
    @click.option(
        f"--{prefix}database",
        metavar="URL",
        help="A PostgreSQL database: postgresql://USER@HOST/DATABASE."
        " [default: a file in the directory]",
    )
    @click.option(
        f"--{prefix}files",
        metavar="PLACE",
        help="A directory that servers share, or s3://BUCKET/PREFIX?endpoint=URL."
        " [default: folders in the directory]",
    )
    @wraps(command)
    def run(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
        given = [options.pop(name) for name in names]
        return command(*args, **{argument: _settings(*given)}, **options)

    return run


def needed(storage: StorageSettings | None, *, target: bool = False) -> StorageSettings:
    """Return where everything is kept.

    Args:
        storage: What the options say.
        target: Whether they are those of a second storage.

    Raises:
        click.UsageError: No option says it.
    """
    if storage is None:
        prefix = _TO if target else ""
        raise click.UsageError(
            f"Missing option '--{prefix}data', or both '--{prefix}database' and '--{prefix}files'.",
            click.get_current_context(),
        )
    return storage


def not_installed(exc: ImportError) -> ServeFailed:
    """Return what to tell when the server cannot be imported."""
    return ServeFailed(
        f"the embedded server is not installed ({exc.name} is missing)",
        hint="in a clone of aqsync: pip install '.[server]'",
    )


def _settings(data: Path | None, database: str | None, files: str | None) -> StorageSettings | None:
    if data is None and (database is None or files is None):
        return None
    try:
        from aqsync.server.settings import StorageSettings  # noqa: PLC0415 - an optional extra
    except ImportError as exc:
        raise not_installed(exc) from exc
    return StorageSettings(data, database, files)
