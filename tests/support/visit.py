"""A client of the embedded server that can also send what no HTTP library would."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from tests.support.patience import HANG_S

BOUNDARY = "boundary-of-the-server-tests"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
FORM_START = f"--{BOUNDARY}\r\n".encode()
FILE_START = FORM_START + b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
FORM_END = f"\r\n--{BOUNDARY}--\r\n".encode()


def form(content: bytes) -> bytes:
    """The body of an upload."""
    return FILE_START + content + FORM_END


def connected(url: str) -> socket.socket:
    """A new connection to a server."""
    place = urlsplit(url)
    return socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=HANG_S)


class Visit:
    """Requests to one server, over kept-alive connections. Threads may share it."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # Without `verify` the client does not spend its time on reading certificates.
        self.http = httpx.Client(
            base_url=url, headers=headers, timeout=HANG_S, trust_env=False, verify=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer as it is, errors and all."""
        body = {"query": query, "variables": variables}
        response = self.http.post("/api/graphql", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def ask(self, query: str, **variables: Any) -> Any:
        """The only field of the answer's data."""
        answer = self.graphql(query, **variables)
        assert "errors" not in answer, answer["errors"]
        (value,) = answer["data"].values()
        return value

    def create(self, title: str = "title", tags: Sequence[str] = ()) -> Any:
        return self.ask(
            "mutation($title: String!, $tags: [String!]!) {createExperiment(createExperimentInput:"
            ' {title: $title, description: "", tags: $tags}) {uuid eid title tags}}',
            title=title,
            tags=list(tags),
        )

    def remove(self, uuid: str) -> None:
        self.ask(
            "mutation($uuid: UUID!) {removeExperiment(experimentRemoveInput: {uuid: $uuid})}",
            uuid=uuid,
        )

    def files(self, uuid: str, selection: str = "name path modifiedAt") -> Any:
        return self.ask(
            "query($uuid: String!) {experiment(experimentIdentifier: {type: UUID, value: $uuid})"
            f" {{files {{{selection}}}}}}}",
            uuid=uuid,
        )["files"]

    def names(self, uuid: str) -> list[str]:
        return [file["name"] for file in self.files(uuid, "name")]

    def upload(
        self, uuid: str, name: str, content: bytes, *, expected: str | None = None
    ) -> httpx.Response:
        headers = [(b"content-type", MULTIPART.encode()), (b"file_name", name.encode("latin-1"))]
        if expected is not None:
            headers.append((b"aqueduct-expect", expected.encode()))
        return self.http.post(f"/api/files/{uuid}", content=form(content), headers=headers)

    def put(self, uuid: str, name: str, content: bytes) -> None:
        response = self.upload(uuid, name, content)
        assert response.status_code == 200, response.text

    def get(self, uuid: str, name: str) -> bytes:
        response = self.http.get(f"/api/files/{uuid}/{quote(name, safe='')}")
        assert response.status_code == 200, response.text
        return response.content

    def delete(self, uuid: str, names: object) -> httpx.Response:
        return self.http.post(f"/api/files/{uuid}/delete_files", json={"file_list": names})

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with connected(self.url) as connection:
            yield connection

    def raw(self, request: bytes) -> tuple[int, bytes]:
        """Send bytes and return the status and all that comes until the server closes."""
        with self.connection() as connection:
            connection.sendall(request)
            answer = read_all(connection)
        return int(answer.split(b" ", 2)[1]), answer


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes."""
    answer = bytearray()
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            answer += chunk
    return bytes(answer)


def head(
    method: str, path: str, headers: dict[str, str] | None = None, *, close: bool = True
) -> bytes:
    """The head of a request for a raw connection; underscores in the names of headers stay."""
    fields = {"Host": "127.0.0.1", **(headers or {})}
    if close:
        fields["Connection"] = "close"
    lines = [f"{method} {path} HTTP/1.1", *(f"{key}: {value}" for key, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def upload_head(uuid: str, name: str, length: int, *, close: bool = True) -> bytes:
    """The head of an upload whose body has so many bytes."""
    fields = {"Content-Type": MULTIPART, "Content-Length": str(length), "file_name": name}
    return head("POST", f"/api/files/{uuid}", fields, close=close)
