"""An answer that is shown again and again, until a person ends it."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable, Iterator

from aqsync.cli.streams import reader_has_gone
from aqsync.clock import Clock
from aqsync.errors import ExitCode

EVERY_S = 2.0
"""How often; more seldom where an answer takes longer than a tenth of it."""
_SHARE = 10


def shown_live(answer: Callable[[], ExitCode], clock: Clock, *, on_screen: bool) -> ExitCode:
    """Show an answer until Ctrl-C, or until nobody reads it.

    Args:
        answer: Says it, and returns what exit status it would end with.
        clock: To wait between.
        on_screen: Whether it replaces the one before on a terminal's screen. The last one stays.
    """
    never = threading.Event()
    last, status = "", ExitCode.OK
    with contextlib.suppress(KeyboardInterrupt), _screen() if on_screen else _stream() as show:
        while not reader_has_gone():
            began = clock.monotonic()
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                status = answer()
            last = said.getvalue()
            show(last)
            took = clock.monotonic() - began
            clock.wait(never, max(EVERY_S, _SHARE * took))
    if on_screen:
        sys.stdout.write(last)
        sys.stdout.flush()
    return status


@contextlib.contextmanager
def _stream() -> Iterator[Callable[[str], None]]:
    def show(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    yield show


@contextlib.contextmanager
def _screen() -> Iterator[Callable[[str], None]]:
    from rich.console import Console  # noqa: PLC0415 - rich is slow to import
    from rich.live import Live  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    with Live(
        console=Console(),
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        yield lambda text: live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)
