"""Who asks, and how much they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

ADMIN_OWNER = "admin"
"""The owner of the token of ``--token-file``, and of all on a server without tokens."""


class Scope(IntEnum):
    """How much a token may do; each includes those before it."""

    READ = 1
    UPLOAD = 2
    WRITE = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """What people write for it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks.

    Args:
        name: The name of the token, for logs and refusals.
        owner: Whose token it is: what becomes of its work bears this name.
        scope: How much it may do.
        experiments: The only experiments that exist for it; None: all.
        prefixes: How the names of the only files begin that exist for it; none: all.
        token: The token in the database; None for that of ``--token-file``, and without tokens.
    """

    name: str
    owner: str
    scope: Scope
    experiments: frozenset[UUID] | None = None
    prefixes: tuple[str, ...] = ()
    token: UUID | None = None

    def sees(self, experiment: UUID) -> bool:
        """Tell whether an experiment, if there is one, exists for this token."""
        return self.experiments is None or experiment in self.experiments

    def sees_name(self, name: str) -> bool:
        """Tell whether a file of this name, if there is one, exists for this token.

        Names are compared character by character, as the store has them: another case, or another
        Unicode form of the same letters, is another name.
        """
        return not self.prefixes or name.startswith(self.prefixes)


ANYBODY = Who("anybody", ADMIN_OWNER, Scope.ADMIN)
"""Who asks on a server without tokens."""
TOKEN_FILE = Who("token", ADMIN_OWNER, Scope.ADMIN)
"""Who sends the token of ``--token-file``."""
