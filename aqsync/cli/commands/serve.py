"""``aqsync serve``: the embedded server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aqsync.config import parse_size
from aqsync.config.token import read_token
from aqsync.errors import ConfigError, ExitCode, ServeFailed


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the command line says.

    Args:
        data: The directory for all data.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        token_file: A file with the token that clients must send.
        max_file: The largest file to accept, as people write sizes.
        extensions: The directory with the extensions.
        max_tasks: How many tasks run at once.
    """

    data: Path
    host: str
    port: int
    token_file: Path | None
    max_file: str
    extensions: Path | None
    max_tasks: int


def serve(options: ServeOptions) -> ExitCode:
    """Run the server until a signal ends it.

    Raises:
        ServeFailed: It cannot start.
        ConfigError: The token file or the size cannot be used.
    """
    try:
        max_file_bytes = parse_size(options.max_file)
    except ValueError as exc:
        raise ConfigError(f"--max-file: {exc}", hint="write it like 4 GiB") from exc
    file = options.token_file
    token = None if file is None else read_token(file.absolute(), {})
    try:
        from aqsync.server.errors import ServerStartError  # noqa: PLC0415 - an optional extra
        from aqsync.server.run import serve as run  # noqa: PLC0415 - the same
    except ImportError as exc:
        raise ServeFailed(
            f"the embedded server is not installed ({exc.name} is missing)",
            hint="pip install 'aqsync[server]'",
        ) from exc
    try:
        run(
            data=options.data,
            host=options.host,
            port=options.port,
            token=token,
            max_file_bytes=max_file_bytes,
            extensions=options.extensions,
            max_tasks=options.max_tasks,
        )
    except ServerStartError as exc:
        raise ServeFailed(exc.message, hint=exc.hint) from exc
    return ExitCode.OK
