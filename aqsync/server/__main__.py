"""``python -m aqsync.server``: the server alone, without the rest of aqsync."""

from __future__ import annotations

import argparse
import sys
from ipaddress import ip_address
from pathlib import Path

from aqsync.server.errors import ServerStartError
from aqsync.server.run import serve
from aqsync.server.settings import (
    DEFAULT_MAX_FILE_BYTES,
    DEFAULT_MAX_TASKS,
    ServerSettings,
    StorageSettings,
)


def main() -> int:
    """Run the server as the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m aqsync.server", description=__doc__)
    parser.add_argument("--data", type=Path, help="the directory for all data")
    parser.add_argument("--database", help="the URL of a PostgreSQL database")
    parser.add_argument("--files", help="a directory or a bucket for the files")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="the port; 0 takes a free one")
    parser.add_argument("--token-file", type=Path, help="a file with the token clients must send")
    parser.add_argument(
        "--max-file-bytes",
        type=int,
        default=DEFAULT_MAX_FILE_BYTES,
        help="the largest file to accept",
    )
    parser.add_argument("--extensions", type=Path, help="the directory with the extensions")
    parser.add_argument(
        "--max-tasks", type=int, default=DEFAULT_MAX_TASKS, help="how many tasks run at once"
    )
    parser.add_argument("--allowed-host", action="append", default=[], help="one more name of it")
    parser.add_argument(
        "--proxy", type=ip_address, action="append", default=[], help="a proxy in front of it"
    )
    parser.add_argument("--workers", type=int, default=1, help="how many processes answer")
    parser.add_argument("--quota", type=int, help="how many bytes all files may have")
    parser.add_argument("--keep-free", type=int, help="how many bytes of the disk stay free")
    parser.add_argument(
        "--insecure", action="store_true", help="let the network in without a token"
    )
    parser.add_argument("--rate-limit", type=float, help="requests a second of each who asks")
    parser.add_argument("--tls-certificate", type=Path, help="speak TLS with this certificate")
    parser.add_argument("--tls-key", type=Path, help="the key of the certificate")
    parser.add_argument("--explorer", action="store_true", help="show a page to ask the API from")
    arguments = parser.parse_args()
    try:
        settings = ServerSettings(
            StorageSettings(arguments.data, arguments.database, arguments.files),
            _token(arguments.token_file),
            arguments.max_file_bytes,
            arguments.extensions,
            arguments.max_tasks,
            frozenset(map(str.lower, arguments.allowed_host)),
            arguments.quota,
            arguments.keep_free,
            frozenset(arguments.proxy),
            workers=arguments.workers,
            rate_limit=arguments.rate_limit,
            tls=_tls(parser, arguments),
            explorer=arguments.explorer,
        )
        insecure = arguments.insecure
        serve(settings, host=arguments.host, port=arguments.port, insecure=insecure)
    except ServerStartError as exc:
        print(f"error: {exc.message}", exc.hint, sep="\n", file=sys.stderr)  # noqa: T201 - a command
        return 2
    return 0


def _tls(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace
) -> tuple[Path, Path] | None:
    files = (arguments.tls_certificate, arguments.tls_key)
    if files == (None, None):
        return None
    if None in files:
        parser.error("--tls-certificate and --tls-key go together")
    return files


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ServerStartError(f"the token file {file} cannot be read: {exc}") from exc
    if not token:
        # An empty file must not open the server to everybody.
        raise ServerStartError(f"the token file {file} is empty", "Put the token into it.")
    return token


if __name__ == "__main__":
    sys.exit(main())
