"""An Aqueduct server as seen from the wire: requests as bytes and JSON, no client library."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from tests.contract.connection import Connection
from tests.support.patience import HANG_S

Json = dict[str, Any]

BOUNDARY = "boundary-of-the-contract-suite"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
ARCHIVED = "__archived__"

_EXPERIMENT = "uuid eid title description createdAt createdBy updatedAt tags"
_CREATE = f"""
mutation($title: String!, $description: String!, $tags: [String!]!) {{
  createExperiment(
    createExperimentInput: {{title: $title, description: $description, tags: $tags}}
  ) {{ {_EXPERIMENT} }}
}}"""
_EXPERIMENT_BY = f"""
query($type: IDType!, $value: String!) {{
  experiment(experimentIdentifier: {{type: $type, value: $value}}) {{
    {_EXPERIMENT} files {{ name path modifiedAt }}
  }}
}}"""
_EXPERIMENTS = f"""
query($offset: Int!, $limit: Int!, $filters: ExperimentFiltersInput) {{
  experiments(offset: $offset, limit: $limit, filters: $filters) {{
    totalExperimentsCount experimentsData {{ {_EXPERIMENT} }}
  }}
}}"""
_REMOVE = "mutation($uuid: UUID!) { removeExperiment(experimentRemoveInput: {uuid: $uuid}) }"


def http_client(token: str | None) -> httpx.Client:
    """Make a client that opens a new connection for every request."""
    return httpx.Client(
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=HANG_S,
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=False,
    )


@dataclass(frozen=True)
class GraphQLAnswer:
    """What a GraphQL request got: ``data`` may be there beside ``errors``."""

    data: Json | None
    errors: list[Json]

    @property
    def messages(self) -> str:
        return "\n".join(error["message"] for error in self.errors)


def instant(text: str) -> datetime:
    """Read a DateTime of the server; it must carry its offset from UTC."""
    moment = datetime.fromisoformat(text)
    assert moment.utcoffset() is not None, text
    return moment


def multipart(
    content: bytes, *, part: str = "file", part_filename: str = "ignored", closed: bool = True
) -> bytes:
    """Make the body of an upload, byte for byte as it goes over the wire."""
    head = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{part}"; filename="{part_filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    tail = f"\r\n--{BOUNDARY}--\r\n" if closed else ""
    return head.encode() + content + tail.encode()


class Aqueduct:
    """One test's visit to the server under test.

    Everything that the test makes bears `mark`, which no other has, and is removed at the end.
    Only tags that are not in use any more stay behind: the server has no request that removes
    them.
    """

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url.rstrip("/")
        self.http = http
        self.mark = f"contract-{uuid.uuid4().hex[:12]}"
        self._made: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clean_up()

    @property
    def authorization(self) -> dict[str, str]:
        token = self.http.headers.get("Authorization")
        return {"Authorization": token} if token else {}

    # GraphQL

    def graphql(self, query: str, **variables: Any) -> GraphQLAnswer:
        """Send an operation; whatever comes of it, the answer is HTTP 200 and JSON."""
        response = self.http.post(
            f"{self.url}/api/graphql", json={"query": query, "variables": variables}
        )
        assert response.status_code == 200, response.text
        answer = response.json()
        return GraphQLAnswer(answer.get("data"), answer.get("errors") or [])

    def ask(self, query: str, **variables: Any) -> Json:
        """Send an operation that must succeed."""
        answer = self.graphql(query, **variables)
        assert not answer.errors
        assert answer.data is not None
        return answer.data

    def refusal(self, query: str, **variables: Any) -> str:
        """Send an operation that must fail; return the texts of its errors."""
        answer = self.graphql(query, **variables)
        assert answer.errors, f"not refused: {answer.data}"
        assert all(value is None for value in (answer.data or {}).values())
        return answer.messages

    # Experiments

    def create(
        self, title: str | None = None, description: str = "", tags: Sequence[str] = ()
    ) -> Json:
        """Make an experiment that is removed after the test.

        Two that are made at the same moment may be given the same EID, and one of them fails
        on the database's "duplicate key"; it is then tried again.
        """
        variables = {
            "title": self.mark if title is None else title,
            "description": description,
            "tags": list(tags),
        }
        answer = self.graphql(_CREATE, **variables)
        for _ in range(20):
            if "duplicate key" not in answer.messages:
                break
            time.sleep(0.05)
            answer = self.graphql(_CREATE, **variables)
        assert not answer.errors
        assert answer.data is not None
        experiment: Json = answer.data["createExperiment"]
        self._made.add(experiment["uuid"])
        return experiment

    def creation_refused(self, title: str, description: str = "", tags: Sequence[str] = ()) -> str:
        return self.refusal(_CREATE, title=title, description=description, tags=list(tags))

    def by_uuid(self, experiment_uuid: str) -> Json:
        found: Json = self.ask(_EXPERIMENT_BY, type="UUID", value=experiment_uuid)["experiment"]
        return found

    def by_eid(self, eid: str) -> Json:
        found: Json = self.ask(_EXPERIMENT_BY, type="EID", value=eid)["experiment"]
        return found

    def lookup_refused(self, identifier_type: str, value: str) -> str:
        return self.refusal(_EXPERIMENT_BY, type=identifier_type, value=value)

    def experiments(
        self, filters: Json | None = None, *, offset: int = 0, limit: int = 500
    ) -> Json:
        page: Json = self.ask(_EXPERIMENTS, offset=offset, limit=limit, filters=filters)[
            "experiments"
        ]
        return page

    def experiments_refused(self, filters: Json | None = None, *, limit: int = 500) -> str:
        return self.refusal(_EXPERIMENTS, offset=0, limit=limit, filters=filters)

    def remove(self, experiment_uuid: str) -> Json:
        return self.ask(_REMOVE, uuid=experiment_uuid)

    def clean_up(self) -> None:
        """Remove every experiment of this test, those made against expectation too."""
        try:
            listed = self.experiments({"title": self.mark})["experimentsData"]
            self._made |= {experiment["uuid"] for experiment in listed}
        finally:
            for experiment_uuid in self._made:
                self.graphql(_REMOVE, uuid=experiment_uuid)

    # Files

    def file_url(self, experiment_uuid: str, name: str | None = None) -> str:
        folder = f"{self.url}/api/files/{experiment_uuid}"
        return folder if name is None else f"{folder}/{quote(name, safe='')}"

    def upload(
        self, experiment_uuid: str, name: str | bytes | None, content: bytes, **body: Any
    ) -> httpx.Response:
        """Upload a file; its name is sent as Latin-1 unless given as bytes, None sends none."""
        headers = [(b"content-type", MULTIPART.encode())]
        if name is not None:
            headers.append((b"file_name", name if isinstance(name, bytes) else latin_1(name)))
        return self.http.post(
            self.file_url(experiment_uuid), content=multipart(content, **body), headers=headers
        )

    def put(self, experiment_uuid: str, name: str, content: bytes) -> None:
        """Upload a file that must be accepted."""
        response = self.upload(experiment_uuid, name, content)
        assert response.status_code == 200, response.text

    def download(
        self, experiment_uuid: str, name: str, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return self.http.get(self.file_url(experiment_uuid, name), headers=headers)

    def content(self, experiment_uuid: str, name: str) -> bytes:
        """Download a file that must be there."""
        response = self.download(experiment_uuid, name)
        assert response.status_code == 200, response.text
        return response.content

    def delete(self, experiment_uuid: str, names: Any) -> httpx.Response:
        return self.http.post(
            f"{self.file_url(experiment_uuid)}/delete_files", json={"file_list": names}
        )

    def files(self, experiment_uuid: str) -> list[Json]:
        listed: list[Json] = self.by_uuid(experiment_uuid)["files"]
        return listed

    def names(self, experiment_uuid: str) -> list[str]:
        return sorted(file["name"] for file in self.files(experiment_uuid))

    # Raw connections

    def connection(self) -> Connection:
        return Connection.to(self.url)

    def upload_head(self, experiment_uuid: str, name: str, length: int) -> bytes:
        """Write the head of an upload whose body has this many bytes, for a raw connection."""
        where = urlsplit(self.url)
        headers = {
            "Host": where.netloc,
            **self.authorization,
            "Content-Type": MULTIPART,
            "Content-Length": str(length),
            "file_name": name,
        }
        lines = [f"POST {where.path}/api/files/{experiment_uuid} HTTP/1.1"]
        lines += [f"{field_name}: {value}" for field_name, value in headers.items()]
        return latin_1("\r\n".join(lines) + "\r\n\r\n")


def latin_1(text: str) -> bytes:
    return text.encode("latin-1")
