"""The process that reads one file: ``python -m aqsync.local.metadata FORMAT PATHS``.

The file is its standard input. It writes JSON: ``{"values": {name: [text, ...]}}`` or
``{"failed": "why"}``.
"""

from __future__ import annotations

import json
import sys

from aqsync.local.metadata.limits import ANSWER, limit_this_process


def main(form: str, paths: str) -> None:
    """Read standard input and say what the paths find in it."""
    said: dict[str, object]
    try:
        limit_this_process()
        said = {"values": _values(form, json.loads(paths))}
    except PermissionError:
        said = {"failed": "this service may not limit the process that reads it: renew its unit"}
    except MemoryError:
        said = {"failed": "it takes more memory than is allowed"}
    except RecursionError:
        said = {"failed": "it is nested too deep"}
    except Exception as exc:  # noqa: BLE001 - whatever a hostile file brings about
        said = {"failed": " ".join(str(exc).split())[:500] or type(exc).__name__}
    answer = json.dumps(said)
    if len(answer) > ANSWER:
        answer = json.dumps({"failed": "what is to be read in it is too long"})
    sys.stdout.write(answer)


def _values(form: str, paths: dict[str, str]) -> dict[str, list[str]]:
    # Imported below the limits: they hold for libraries too.
    from aqsync.local.metadata.picked import pick  # noqa: PLC0415
    from aqsync.local.metadata.readers import READERS  # noqa: PLC0415

    return pick(READERS[form](sys.stdin.fileno()), paths)


if __name__ == "__main__":
    main(*sys.argv[1:])
