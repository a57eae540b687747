"""The libraries for HTTP, imported without what nobody here uses. Their owners import them here.

httpx imports its own command line, and with it rich and click, wherever those are installed: half
of its import time. httpcore imports trio wherever that is installed, which takes longer than both
together. These imports are made to fail; that of trio only in the program's own process, for
a script that uses the client library may run httpx under trio.
"""

from __future__ import annotations

import sys

__all__ = ["httpcore", "httpx", "socksio"]

_UNUSED = {"httpx._main"} | ({"trio"} if "aqsync.cli.main" in sys.modules else set[str]())

_kept_out = {} if "httpx" in sys.modules else dict.fromkeys(_UNUSED - sys.modules.keys())
sys.modules.update(_kept_out)  # type: ignore[arg-type]  # None is how to make an import fail
import httpcore  # noqa: E402 - see above
import httpx  # noqa: E402 - see above
import socksio  # noqa: E402 - what httpcore speaks SOCKS by

for _name in _kept_out:
    if sys.modules.get(_name, httpx) is None:
        del sys.modules[_name]
