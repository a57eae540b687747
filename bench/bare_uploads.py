"""The bare loop beside which ``aqsync push`` is measured: httpx, four threads, nothing else.

Run as ``python -m bench.bare_uploads URL UUID FOLDER``; the token comes from the environment.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from bench.environment import token

THREADS = 4


def upload_all(url: str, uuid: str, files: Sequence[Path], threads: int = THREADS) -> float:
    """Upload files, so many at once, and return how many seconds that took."""
    known = token()
    headers = {"Authorization": f"Bearer {known}"} if known else {}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:

        def upload(path: Path) -> None:
            client.post(
                f"/api/files/{uuid}",
                headers={"file_name": path.name},
                files={"file": path.read_bytes()},
            ).raise_for_status()

        began = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(upload, files):
                pass
        return time.monotonic() - began


def main(url: str, uuid: str, folder: Path) -> None:
    upload_all(url, uuid, sorted(path for path in folder.rglob("*") if path.is_file()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
