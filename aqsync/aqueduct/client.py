"""The client of an Aqueduct server: one method for each thing the server does."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID, uuid4

from aqsync.aqueduct import conditions, digests, graphql
from aqsync.aqueduct.answers import (
    Answer,
    check_file_answer,
    check_json_answer,
    date_of,
    json_object,
)
from aqsync.aqueduct.download import Download
from aqsync.aqueduct.graphql_client import JSON, LONGEST_LIST, GraphQLClient, graphql_request
from aqsync.aqueduct.multipart import Throttle, UploadBody, name_header
from aqsync.aqueduct.probe import NOT_FROM_A_CACHE, TINY, probe_of
from aqsync.aqueduct.records import (
    Expected,
    ExperimentPage,
    ExperimentRef,
    FileLists,
    RemoteProbe,
    RemovalReceipt,
    UploadReceipt,
    UserRights,
)
from aqsync.aqueduct.server_tasks import ServerTasks
from aqsync.aqueduct.transport import Request, Timeouts, Transport
from aqsync.aqueduct.whole_experiments import WholeExperiments
from aqsync.errors import BadAnswer, ExperimentNotFound, RemoteFileNotFound

_RESOLVE_CHUNK = 100
"""Experiments in one request."""
_TAGGED_CHUNK = 25
_MOST_TAGGED = 500
"""What the server tells at most in one answer."""
PATIENCE_S = 300.0
"""How long scripts and commands wait in all for a server that has too many requests."""
_TAGS_CHUNK = 500
"""Tags in one answer of the server."""
_MOST_TAGS = 200_000


class Client:
    """An Aqueduct server, reached over a pool of kept-alive connections.

    Threads may share one. It is a context manager; leaving it closes the connections.

    Every method raises, beside what it names: `ServerUnreachable` (no connection, no answer in
    time), `ServerFailed` (5xx, 408, 429: trying again may help), `BadAnswer` (not an Aqueduct
    server), `TokenRefused` and `Forbidden`. A request goes out a second time, on a new connection,
    if an idle connection turns out dead before anything was sent, and if one breaks under a
    request that is harmless to repeat. No error or log holds the token.

    Args:
        url: As users write it: ``http://host:8000``, with or without a trailing slash or a path
            prefix. The environment's proxies are respected, but never for loopback.
        token: Sent with every request; None sends none.
        verify: True checks TLS certificates by the usual authorities and this machine's, a path
            names a file of authorities, False checks nothing.
        connect_timeout: Seconds until a connection must stand.
        answer_timeout: Seconds until the answer to a small request must be there; a long one may
            take longer as long as it comes at 1 KiB/s, with no silence of that length, up to an
            hour in all.
        stall_timeout: Seconds a transfer may be without any progress, the wait for its answer
            included (the server makes the file durable before it answers). It may take as long as
            it takes otherwise.
        patience: Seconds that a request waits in all where the server had too many (429) and says
            when to come again; but an upload of more than 128 KiB is not sent again.

    Raises:
        ConfigError: The URL, token or file of authorities cannot be used.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        verify: bool | str = True,
        connect_timeout: float = 5.0,
        answer_timeout: float = 30.0,
        stall_timeout: float = 60.0,
        patience: float = 0.0,
    ) -> None:
        timeouts = Timeouts(connect_timeout, answer_timeout, stall_timeout)
        self._transport = Transport(url, token, verify=verify, timeouts=timeouts, patience=patience)
        self._graphql = GraphQLClient(self._transport)
        self.tasks = ServerTasks(self._graphql)
        """Extensions and the tasks that run their actions."""
        self.whole = WholeExperiments(self._graphql, self.tasks)
        """Experiments with all of theirs, to be moved elsewhere."""

    @property
    def url(self) -> str:
        """The server's URL without a trailing slash."""
        return self._transport.url

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Transfers that other threads run end with `ServerUnreachable`."""
        self._transport.close()

    # Experiments

    def resolve(self, eids: Sequence[str]) -> dict[str, ExperimentRef | None]:
        """Find experiments by the identifiers that people use; a hundred to a request.

        Returns:
            Each EID asked for, with None where no such experiment exists for this user.
        """
        found: dict[str, ExperimentRef | None] = {}
        for start in range(0, len(eids), _RESOLVE_CHUNK):
            chunk = eids[start : start + _RESOLVE_CHUNK]
            found.update(zip(chunk, self._experiments("EID", chunk), strict=True))
        return found

    def experiment_by_eid(self, eid: str) -> ExperimentRef:
        """Return the experiment with this EID.

        Raises:
            ExperimentNotFound: There is none for this user.
        """
        return self._one_experiment("EID", eid)

    def experiment(self, uuid: UUID) -> ExperimentRef:
        """Return the experiment with this UUID.

        Raises:
            ExperimentNotFound: There is none for this user.
        """
        return self._one_experiment("UUID", str(uuid))

    def _one_experiment(self, id_type: str, value: str) -> ExperimentRef:
        [found] = self._experiments(id_type, [value])
        if found is None:
            raise ExperimentNotFound(f"experiment {value} does not exist for this user")
        return found

    def _experiments(self, id_type: str, values: Sequence[str]) -> list[ExperimentRef | None]:
        what = f"search for {_experiments_in_words(values)}"
        answer = self._graphql.ask(
            graphql.experiments_query(id_type, values), what, repeatable=True
        )
        return [
            None if fields is None else graphql.experiment_ref(fields, what)
            for fields in graphql.experiments_of(answer, len(values), what)
        ]

    def find(
        self,
        *,
        title: str | None = None,
        any_tags: Sequence[str] | None = None,
        all_tags: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> ExperimentPage:
        """Search for experiments; those tagged ``__archived__`` only if `all_tags` names that tag.

        Args:
            title: Part of a title or EID in any case, at most 64 characters; ``%``, ``_`` and a
                backslash stand for themselves, and count twice.
            any_tags: At least one of these tags, at most 10.
            all_tags: All of these tags, at most 6.
            start: Created at or after this time.
            end: Created at or before this time.
            limit: How many to return, 1 to 500.
            offset: How many of the newest to leave out.

        Raises:
            OperationFailed: The server refuses one of the values.
        """
        filters = graphql.filters(
            title=graphql.literally(title),
            tags=any_tags,
            shouldIncludeTags=all_tags,
            startDate=start,
            endDate=end,
        )
        variables = {"offset": offset, "limit": limit, "filters": filters}
        what = "search for experiments"
        return graphql.experiment_page(
            self._graphql.operate(graphql.FIND, variables, what, repeatable=True), what
        )

    def operate(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the data that any operation gives, for what has no method here.

        Raises:
            OperationFailed: The server refuses it.
        """
        return self._graphql.operate(query, variables, "an operation")

    def tagged(self, tags: Sequence[str]) -> dict[str, list[ExperimentRef]]:
        """Find the experiments with each of these tags, archived ones too; 25 tags to a request.

        Returns:
            By tag, the experiments, oldest first: of those not archived the newest 500, and of
            those archived too.
        """
        found: dict[str, list[ExperimentRef]] = {}
        for start in range(0, len(tags), _TAGGED_CHUNK):
            chunk = tags[start : start + _TAGGED_CHUNK]
            what = f"search for experiments tagged {', '.join(chunk)}"
            question = graphql.tagged_query(chunk, _MOST_TAGGED)
            answer = self._graphql.ask(question, what, repeatable=True)
            data = graphql.data_of(answer, what)
            found.update(zip(chunk, graphql.tagged_of(data, chunk, what), strict=True))
        return found

    def create_experiment(
        self, title: str, description: str, tags: Sequence[str] = ()
    ) -> ExperimentRef:
        """Create an experiment; the server gives it its EID.

        Args:
            title: At most 256 characters.
            description: At most 5,000 characters.
            tags: At most 64, each 1 to 64 of ``A-Z a-z 0-9 - _ : /``.

        Raises:
            OperationFailed: The server refuses one of the values.
        """
        what = f"creation of experiment {title!r}"
        given = {"title": title, "description": description, "tags": list(tags)}
        data = self._graphql.operate(graphql.CREATE, {"input": given}, what)
        return graphql.experiment_ref(data.get("createExperiment") or {}, what)

    def update_experiment(
        self, uuid: UUID, *, title: str | None = None, description: str | None = None
    ) -> ExperimentRef:
        """Change title or description; None, and for the server also an empty text, leaves it.

        Raises:
            ExperimentNotFound: There is no such experiment for this user.
            OperationFailed: The server refuses one of the values.
        """
        what = f"update of experiment {uuid}"
        changes = {"title": title, "description": description}
        data = self._graphql.operate(
            graphql.UPDATE, {"uuid": str(uuid), "input": changes}, what, repeatable=True
        )
        return graphql.experiment_ref(data.get("updateExperiment") or {}, what)

    def remove_experiment(self, uuid: UUID) -> None:
        """Remove an experiment and all its files.

        Raises:
            ExperimentNotFound: There is no such experiment for this user.
        """
        self._graphql.operate(
            graphql.REMOVE, {"input": {"uuid": str(uuid)}}, f"removal of experiment {uuid}"
        )

    def add_tags(self, uuid: UUID, tags: Sequence[str]) -> None:
        """Add tags; those already there, in upper or lower case, change nothing.

        Raises:
            ExperimentNotFound: There is no such experiment for this user.
            OperationFailed: A tag has characters it may not have, is too long, or stands twice.
        """
        self._graphql.operate(
            graphql.ADD_TAGS,
            {"input": {"uuid": str(uuid), "tags": list(tags)}},
            f"tagging of experiment {uuid} with {', '.join(tags)}",
            repeatable=True,
        )

    def remove_tag(self, uuid: UUID, tag: str) -> None:
        """Remove a tag.

        Raises:
            ExperimentNotFound: There is no such experiment for this user.
            OperationFailed: The experiment does not have the tag.
        """
        self._graphql.operate(
            graphql.REMOVE_TAG,
            {"input": {"uuid": str(uuid), "tag": tag}},
            f"removal of tag {tag} from experiment {uuid}",
        )

    def tags(self) -> list[str]:
        """Return all tags in use, in the server's order."""
        found: list[str] = []
        while True:
            variables = {"offset": len(found), "limit": _TAGS_CHUNK}
            what = "list of tags"
            answer = self._graphql.operate(graphql.TAGS, variables, what, repeatable=True)
            page = graphql.tags_of(answer, what)
            found += page
            if len(page) < _TAGS_CHUNK:
                return list(dict.fromkeys(found))
            if len(found) > _MOST_TAGS:
                raise BadAnswer(f"{what}: it does not end, {len(found)} tags have come")

    # Files

    def list_files(
        self, uuids: Sequence[UUID], *, known_digest: bytes | None = None
    ) -> FileLists | None:
        """List the files of these experiments, all in one request.

        Args:
            uuids: The experiments; some hundred at most.
            known_digest: The digest of an earlier list of the same experiments. If nothing has
                changed since, the answer is not even parsed.

        Returns:
            The lists, or None if the digest is the known one.
        """
        what = f"listing of the files of {_experiments_in_words(uuids)}"
        names = [str(uuid) for uuid in uuids]
        question = json.dumps(
            graphql.experiments_query("UUID", names, graphql.FILE_FIELDS)
        ).encode()
        request = graphql_request(question, longest=LONGEST_LIST)
        answer = self._transport.exchange(request, what, repeatable=True)
        sum_of_both = hashlib.sha256(question)
        sum_of_both.update(answer.body)
        digest = sum_of_both.digest()
        if digest == known_digest:
            return None
        found = check_json_answer(answer, what, object_hook=graphql.remote_file)
        return FileLists(
            digest,
            {
                uuid: None if fields is None else graphql.file_list(fields, what)
                for uuid, fields in zip(
                    uuids, graphql.experiments_of(found, len(uuids), what), strict=True
                )
            },
        )

    def upload(
        self,
        uuid: UUID,
        name: str,
        chunks: Iterable[bytes],
        length: int,
        throttle: Throttle | None = None,
        *,
        expected: Expected | None = None,
    ) -> UploadReceipt:
        """Store a file; one of the same name is replaced.

        The request becomes complete, and the server stores something, only if `chunks` gives
        exactly `length` bytes and then ends. What it raises passes through unchanged. A file of up
        to 128 KiB is read whole before it is sent; of a larger one each chunk is sent as it comes
        (some hundred KiB each are fastest). A server that refuses early is heard at once.

        Args:
            uuid: The experiment.
            name: The file's name there.
            chunks: The file's bytes.
            length: Their number.
            throttle: Given each piece of the request's body just before it is sent; gives it back,
                whole or in parts, as fast as it may go. What it raises passes through unchanged.
            expected: What must stand under the name. Only the embedded server checks it, and the
                receipt says whether it did; others store the file in any case.

        Raises:
            RemoteChanged: Something else stands there than `expected`; nothing was stored.
            NameNotSendable: A header cannot carry the name. Nothing was sent.
            FileChanged: `chunks` gave another number of bytes.
            ExperimentNotFound: There is no such experiment for this user.
            TransferRefused: The server refuses the file: its name, its size.
            HeaderDropped: A proxy on the way drops the header with the name.
        """
        what = f"upload of {name!r} to experiment {uuid}"
        header = name_header(name)  # before anything is read
        condition = conditions.expecting(expected, what)
        body = UploadBody(name, chunks, length, throttle)
        answer = self._upload(uuid, header, body, what, condition)
        return UploadReceipt(
            date_of(answer),
            conditions.modified_at(answer.headers),
            conditions.was_checked(expected, answer.headers),
        )

    def _upload(
        self,
        uuid: UUID,
        header: bytes,
        body: UploadBody,
        what: str,
        condition: conditions.Headers = (),
    ) -> Answer:
        request = Request(
            "POST",
            f"/api/files/{uuid}",
            body,
            ((b"file_name", header), (b"Content-Type", body.content_type), *condition),
            transfer=True,
        )
        answer = self._transport.exchange(request, what)
        check_file_answer(answer, what, size=body.size)
        if "result" not in json_object(answer, what) or not body.finished:
            raise BadAnswer(f"{what}: the server did not say that it stored the file")
        return answer

    @contextlib.contextmanager
    def download(self, uuid: UUID, name: str, *, digest: bool = False) -> Iterator[Download]:
        """Open a file for reading; leaving early drops the connection, not the rest of the file.

        Args:
            uuid: The experiment.
            name: The file's name there.
            digest: Whether to ask for its SHA-256 too. The embedded server may have to read the
                file for it before it answers; others tell none.

        Raises:
            RemoteFileNotFound: The experiment has no such file.
            ExperimentNotFound: There is no such experiment for this user.
        """
        what = f"download of {name!r} from experiment {uuid}"
        asking = digests.ASKING if digest else ()
        request = Request("GET", _file_path(uuid, name, what), headers=asking, transfer=True)
        with self._transport.open(request, what) as answer:
            if answer.status != HTTPStatus.OK:
                check_file_answer(answer.whole(), what)  # raises
            yield Download(answer)

    def probe_file(self, uuid: UUID, name: str) -> RemoteProbe | None:
        """Look at one file without fetching it: the head of its download is read, not its body.

        A small file is read all the same, to keep the connection; for a larger one the connection
        is dropped.

        Args:
            uuid: The experiment.
            name: The file's name there.

        Returns:
            The file; None if the experiment has no such file.

        Raises:
            ExperimentNotFound: There is no such experiment for this user.
        """
        what = f"look at {name!r} in experiment {uuid}"
        try:
            request = Request("GET", _file_path(uuid, name, what), headers=NOT_FROM_A_CACHE)
            with self._transport.open(request, what) as answer:
                if answer.status != HTTPStatus.OK:
                    check_file_answer(answer.whole(), what)  # raises
                found = probe_of(answer.headers)
                if found.size is not None and found.size <= TINY:
                    answer.skip()
                return found
        except RemoteFileNotFound:
            return None

    def remove_files(
        self, uuid: UUID, names: Sequence[str], *, expected: Expected | None = None
    ) -> RemovalReceipt:
        """Remove files: all of them, or none if one is missing.

        Args:
            uuid: The experiment.
            names: The files' names there, at least one.
            expected: What must stand under the name; then `names` must have only one. As with
                `upload`, the receipt says whether the server checked it.

        Raises:
            RemoteChanged: Something else stands there than `expected`; nothing was removed.
            TransferRefused: With status 409 if a file is missing, 400 if none is named.
            ExperimentNotFound: There is no such experiment for this user.
        """
        shown = repr(names[0]) if len(names) == 1 else f"{len(names)} files"
        what = f"removal of {shown} from experiment {uuid}"
        if expected is not None and len(names) != 1:
            raise ValueError("what is expected can be said of one file only")
        body = json.dumps({"file_list": list(names)}).encode()
        headers = (*JSON, *conditions.expecting(expected, what))
        request = Request("POST", f"/api/files/{uuid}/delete_files", body, headers)
        answer = self._transport.exchange(request, what)
        check_file_answer(answer, what)
        return RemovalReceipt(conditions.was_checked(expected, answer.headers))

    def rights(self) -> UserRights:
        """Ask who the server takes this client for, and what it may do."""
        what = "look at this user's rights"
        data = self._graphql.operate(graphql.USER, {}, what, repeatable=True)
        return graphql.rights_of(data, what)

    def server_time(self) -> datetime | None:
        """Ask what the server's clock shows: UTC, whole seconds; None if it does not say.

        The server answers this without a token too.
        """
        request = graphql_request(json.dumps({"query": graphql.NOTHING}).encode())
        answer = self._transport.exchange(request, "look at the server's clock", repeatable=True)
        return date_of(answer)

    def check_file_name_header(self) -> None:
        """Prove that uploads can arrive: that no proxy drops a header with an underscore.

        It offers a byte to an experiment that cannot exist; nothing is stored.

        Raises:
            HeaderDropped: A proxy drops the header ``file_name``.
        """
        with contextlib.suppress(ExperimentNotFound):
            body = UploadBody("aqsync-check", [b"x"], 1)
            self._upload(uuid4(), b"aqsync-check", body, "check whether uploads can arrive")


def _file_path(uuid: UUID, name: str, what: str) -> str:
    """Return the path of a file's download.

    Raises:
        RemoteFileNotFound: Servers differ in such a path, or there is none: no file can have the
            name.
    """
    with contextlib.suppress(UnicodeEncodeError):  # half a character: no bytes are its name
        if "/" not in name and name not in {"", ".", ".."}:
            return f"/api/files/{uuid}/{quote(name, safe='', errors='surrogateescape')}"
    raise RemoteFileNotFound(f"{what}: no file can have this name", status=HTTPStatus.NOT_FOUND)


def _experiments_in_words(keys: Sequence[object]) -> str:
    return f"experiment {keys[0]}" if len(keys) == 1 else f"{len(keys)} experiments"
