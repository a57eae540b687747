"""The secrets of tokens: random, and kept as SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets

PREFIX = "aqs_"
"""What the secret of a token begins with, so that programs that look for leaked ones find it."""
_BYTES = 32
_SALT = b"aqsync: the token of --token-file"


def new_secret() -> str:
    """Return a new secret: 256 random bits after `PREFIX`."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def key_of_chosen(token: str) -> str:
    """Return what is kept of a token that a person has chosen, wherever it is kept.

    It may be short, so each guess at it has to cost something; all servers of a database work out
    the same.
    """
    key = hashlib.scrypt(token.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=32)
    return f"chosen-{key.hex()}"


def digest_of(secret: bytes) -> str:
    """Return what is kept of a secret.

    One round of SHA-256 is enough: nobody guesses 256 random bits, so nothing needs to be slow.
    """
    return hashlib.sha256(secret).hexdigest()
