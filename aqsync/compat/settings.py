"""What the environment says."""

from __future__ import annotations

from aqsync.aqueduct.api import token_from_environment


class Settings:
    """What the environment says at the moment.

    Attributes:
        api_token: The token to show; None if none is given.
    """

    def __init__(self) -> None:
        self.api_token = token_from_environment()
