"""The bare loop beside which ``aqsync pull`` is measured: httpx, four threads, nothing else.

Run as ``python -m bench.bare_downloads URL UUID NAMES FOLDER``, where NAMES is a file with a name
on each line; the token comes from the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx

from bench.bare_uploads import THREADS
from bench.environment import token


def download_all(url: str, uuid: str, names: Sequence[str], folder: Path) -> None:
    """Download files and write them into a folder; nothing is synced, compared or renamed."""
    known = token()
    headers = {"Authorization": f"Bearer {known}"} if known else {}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:

        def download(name: str) -> None:
            answer = client.get(f"/api/files/{uuid}/{quote(name)}")
            answer.raise_for_status()
            (folder / name).write_bytes(answer.content)

        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(download, names):
                pass


if __name__ == "__main__":
    download_all(
        sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_text().splitlines(), Path(sys.argv[4])
    )
