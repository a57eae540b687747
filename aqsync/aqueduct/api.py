"""The way in for scripts and notebooks: `API`."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import NonNegativeInt, PositiveInt, validate_call

from aqsync.aqueduct.experiment import Experiment
from aqsync.aqueduct.records import ExperimentRef
from aqsync.aqueduct.server import Server

_TOKEN_VARIABLES = ("AQSYNC_API_TOKEN", "API_TOKEN")


class API:
    """An Aqueduct server.

    It is a context manager; leaving it, or `close`, closes the connections. Threads may share one.
    Every method may raise `ServerUnreachable`, `ServerFailed`, `BadAnswer`, `TokenRefused` and
    `Forbidden`, all below `aqsync.errors.RemoteError`, beside what it names.

    Args:
        url: The server's URL, with the path prefix if it has one: ``http://host:8000``.
        timeout: The limit in seconds for connecting and for the answer to a small request. A
            transfer may take as long as it takes; it fails after 60 s without any progress.
        token: The token to show. If None, the environment variable ``AQSYNC_API_TOKEN`` is
            taken, else ``API_TOKEN``, else none is sent.
        verify: True checks TLS certificates by the usual authorities and this machine's, a path
            names a file of authorities, False checks nothing.

    Raises:
        ConfigError: The URL, token or file of authorities cannot be used.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 0.5,
        *,
        token: str | None = None,
        verify: bool | str = True,
    ) -> None:
        self._server = Server(
            str(url),
            token if token is not None else _token_from_environment(),
            verify=verify,
            connect_timeout=timeout,
            answer_timeout=timeout,
        )

    def __repr__(self) -> str:
        return f"API({self._server.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._server.close()

    @validate_call
    def create_experiment(self, title: str, description: str) -> Experiment:
        """Create an experiment; the server gives it its EID.

        Args:
            title: At most 256 characters.
            description: At most 5,000 characters.

        Raises:
            OperationFailed: The server refuses one of them.
        """
        return self._experiment(self._server.create_experiment(title, description))

    @validate_call
    def find_experiments(  # noqa: PLR0913 - the signature that users know
        self,
        search: str | None = None,
        limit: PositiveInt = 10,
        offset: NonNegativeInt = 0,
        tags: list[str] | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
    ) -> list[Experiment]:
        """Search for experiments, newest first.

        Args:
            search: Part of a title or EID, in any case, at most 64 characters.
            limit: How many to return at most, up to 500.
            offset: How many of the newest to leave out.
            tags: Only experiments with at least one of these tags, in any case; at most 10.
            start_datetime: Only those created at or after this time.
            end_datetime: Only those created at or before this time. A time without an offset
                from UTC is meant as this machine's local time.

        Raises:
            OperationFailed: The server refuses one of the values.
        """
        page = self._server.find(
            title=search,
            any_tags=tags,
            start=start_datetime,
            end=end_datetime,
            limit=limit,
            offset=offset,
        )
        return [self._experiment(found) for found in page.experiments]

    @validate_call
    def get_experiment_by_eid(self, eid: str) -> Experiment:
        """Return the experiment with this EID.

        Args:
            eid: The identifier that people use, such as ``20261123-1``.

        Raises:
            ExperimentNotFound: There is none for this user.
        """
        return self._experiment(self._server.experiment_by_eid(eid))

    @validate_call
    def get_experiment_by_uuid(self, uuid: UUID) -> Experiment:
        """Return the experiment with this UUID.

        Args:
            uuid: The server's own identifier of the experiment.

        Raises:
            ExperimentNotFound: There is none for this user.
        """
        return self._experiment(self._server.experiment(uuid))

    @validate_call
    def remove_experiment_by_eid(self, eid: str) -> None:
        """Remove an experiment and all its files.

        Args:
            eid: The identifier that people use, such as ``20261123-1``.

        Raises:
            ExperimentNotFound: There is none for this user.
        """
        self._server.remove_experiment(self._server.experiment_by_eid(eid).uuid)

    def _experiment(self, ref: ExperimentRef) -> Experiment:
        return Experiment._of(ref, self._server)  # noqa: SLF001 - only an API makes experiments


def _token_from_environment() -> str | None:
    """Return the token that the environment holds, without blanks around it."""
    tokens = (os.environ.get(name, "").strip() for name in _TOKEN_VARIABLES)
    return next(filter(None, tokens), None)
