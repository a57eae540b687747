"""``aqsync serve``: the embedded server."""

from __future__ import annotations

from pathlib import Path

from aqsync.config import parse_size
from aqsync.config.token import read_token
from aqsync.errors import ConfigError, ExitCode, ServeFailed


def serve(data: Path, host: str, port: int, token_file: Path | None, max_file: str) -> ExitCode:
    """Run the server until a signal ends it.

    Raises:
        ServeFailed: It cannot start.
        ConfigError: The token file or the size cannot be used.
    """
    try:
        max_file_bytes = parse_size(max_file)
    except ValueError as exc:
        raise ConfigError(f"--max-file: {exc}", hint="write it like 4 GiB") from exc
    token = None if token_file is None else read_token(token_file.absolute(), {})
    try:
        from aqsync.server.errors import ServerStartError  # noqa: PLC0415 - an optional extra
        from aqsync.server.run import serve as run  # noqa: PLC0415 - the same
    except ImportError as exc:
        raise ServeFailed(
            f"the embedded server is not installed ({exc.name} is missing)",
            hint="pip install 'aqsync[server]'",
        ) from exc
    try:
        run(data=data, host=host, port=port, token=token, max_file_bytes=max_file_bytes)
    except ServerStartError as exc:
        raise ServeFailed(exc.message, hint=exc.hint) from exc
    return ExitCode.OK
