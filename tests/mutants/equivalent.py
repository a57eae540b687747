"""Mutants that no test can catch, because they do what the program does: each with its reason."""

from __future__ import annotations

_NAMING = {
    'suffix = name[dot:] if dot > 0 else ""  |  dot > 0  =>  dot >= 0': (
        "a name that is cut and has its last dot at its start has too long a suffix anyway"
    ),
    'suffix = name[dot:] if dot > 0 else ""  |  0  =>  1': "the same with one character before it",
    "end = 0  |  0  =>  1": "the first character always fits, and sets it",
    "break  |  break  =>  continue": "the room that is left only shrinks further",
}

_FASTER = "a short way to the same answer"
_SIZE = "how much is read or remembered at once changes nothing but the speed"
_FROZEN = "nothing changes such an object, with or without leave"

_RULES = {
    "_REMEMBERED_DIRECTORIES = 4096  |  4096  =>  4097": _SIZE,
    "@dataclass(frozen=True, slots=True)  |  True  =>  False": _FROZEN,
    "self._takes_back = any(not takes for _, takes in self._include)  |  not takes  =>  takes": (
        "where it is asked some pattern takes; then all are gone through, with the same result"
    ),
    "if self._may_be_ignored(path, name) and self._ignoring(path, path) is not None:"
    "  |  self._may_be_ignored(path, name) and self._ignoring(path, path) is not None"
    "  =>  self._ignoring(path, path) is not None": _FASTER,
    "return (self._any_name is not None and self._any_name.fullmatch(name) is not None) or ("
    "  |  self._any_name is not None and self._any_name.fullmatch(name) is not None"
    "  =>  self._any_name is not None": _FASTER,
    "self._any_path is not None and self._any_path.fullmatch(path) is not None"
    "  |  self._any_path is not None and self._any_path.fullmatch(path) is not None"
    "  =>  self._any_path is not None": _FASTER,
    "if not self._ignore:  |  if not self._ignore: return None  =>  if False: return None": _FASTER,
    'end = directory.find("/", end + 1)  |  1  =>  2': "no part of a path is empty",
    "end = len(directory) if end < 0 else end  |  end < 0  =>  end <= 0": (
        "no path begins with a slash"
    ),
    "end = len(directory) if end < 0 else end  |  0  =>  1": "no path begins with a slash",
    'if self._may_be_ignored(probe, probe[upper.rfind("/") + 1 :]):'
    "  |  if self._may_be_ignored(probe, probe[upper.rfind('/') + 1:]):"
    " cause = self._ignoring(upper, probe) if cause is not None: return cause"
    "  =>  if True: cause = self._ignoring(upper, probe)"
    " if cause is not None: return cause": _FASTER,
    "if not self._takes_back:  |  if not self._takes_back: return True"
    "  =>  if False: return True": _FASTER,
}

_READER = {
    "CHUNK = 1 << 18  |  1  =>  2": _SIZE,
    "CHUNK = 1 << 18  |  18  =>  19": _SIZE,
    "last += self._read(remaining - len(last))"
    "  |  remaining - len(last)  =>  remaining + len(last)": (
        "more than the rest is only there if the file has grown, and that is checked afterwards"
    ),
    "self._check(opened)  |  self._check(opened)  =>  pass": (
        "what is at the path has the same inode, or the next check fails; it is here for disks "
        "whose answers by name are older than those of an open file"
    ),
}

_BACKOFF = "seconds = min(2.0 ** min(failures - 1, 30), LONGEST_BACKOFF_S)"

_PAUSES = {f"{_BACKOFF}  |  30  =>  31": "both are far longer than the longest pause"}

_PLANNER = {
    "if not listed_since or listed is None or listed == synced.modified_at:"
    "  |  not listed_since or listed is None or listed == synced.modified_at"
    "  =>  not listed_since or listed == synced.modified_at": (
        "what is listed since and missing was decided on before; the types cannot tell"
    ),
}

EQUIVALENT: dict[str, dict[str, str]] = {
    "aqsync.layout.names": _NAMING,
    "aqsync.local.reader": _READER,
    "aqsync.local.rules": _RULES,
    "aqsync.sync.backoff": _PAUSES,
    "aqsync.sync.planner": _PLANNER,
}
"""By module: the change, as `Mutant.change` puts it, and why it changes nothing."""
