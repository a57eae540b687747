"""What ``getCurrentUserInfo`` tells of rights: the words of Aqueduct, and this server's own."""

from __future__ import annotations

from aqsync.server.rights.who import Scope, Who

_WORDS = {
    "experiment::view::own": Scope.READ,
    "experiment::view::all": Scope.READ,
    "experiment::edit::own": Scope.UPLOAD,
    "experiment::edit::all": Scope.WRITE,
    "experiment::delete::own": Scope.ADMIN,
    "experiment::delete::all": Scope.ADMIN,
    "experiment::create::own": Scope.UPLOAD,
    "job::view::own": Scope.READ,
    "job::view::all": Scope.READ,
    "job::create": Scope.UPLOAD,
    "job::cancel::own": Scope.UPLOAD,
    "job::cancel::all": Scope.WRITE,
}
"""Aqueduct's words, and the least scope that has what each says."""


def scope_words(who: Who) -> list[str]:
    """Return what a client may do.

    The words that begin with ``aqsync::`` are this server's own: the token's scope, and what it is
    bound to. No other server says them, so clients know by them that rights are told exactly.
    """
    words = [word for word, least in _WORDS.items() if who.scope >= least]
    if who.experiments is not None:
        words.remove("experiment::view::all")
        words.remove("job::view::all")
        words = [word for word in words if word != "experiment::create::own"]
        words.append("aqsync::bound::experiments")
    if who.prefixes:
        words.append("aqsync::bound::names")
    return [*words, f"aqsync::scope::{who.scope.word}"]
