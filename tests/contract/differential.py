"""Sends the same random requests to an archived Aqueduct and to the embedded server.

By hand, beside a server that can be filled with experiments, and has the extension in
``tests/contract/extensions``::

    python -m tests.contract.differential http://127.0.0.1:8000 --operations 2000

Both answers must be the same in status, type and content, with UUIDs, EIDs and times as marks.
What differs on purpose is in `EXPECTED`, with the reason; it stands in the documentation too.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.contract.random_operations import TASK, Operation, RandomOperations, graphql
from tests.contract.tasks import EXTENSIONS
from tests.contract.wire import http_client, latin_1
from tests.support.embedded import EmbeddedServer
from tests.support.patience import wait_until

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d)?")
_NAME = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b20\d{6}-\d+\b")
"""A UUID or an EID."""
_OPEN = frozenset({"PENDING", "RECEIVED", "STARTED"})

EXPECTED = (
    (r".*", r"^500 text/plain", r"^4\d\d ", "it fails there, and is refused here"),
    (
        r".*",
        r"Variable '\$\w+' (got invalid value|of (required|non-null) type)",
        r"Variable '\$\w+' (has invalid value|of required type)",
        "another release of graphql-core",
    ),
    (
        "delete",
        r"409 .*not found - ",
        r"400 .*No files were found for this",
        "there a failed upload counts as a file that has been",
    ),
    (
        ".*",
        r"'errors'|\"errors\"",
        r"(Argument 'Query\.|is not supported by the schema)",
        "another release of graphql-core",
    ),
    (".*", r"422 .*Input should be", r"422 .*Input should be", "another release of pydantic"),
    ("upload|delete", r"", r"400 .*Invalid file name", "`.` and `..` are no names of files here"),
    ("delete", r"409 .* and ", r"409 .* and ", "names of missing files come in any order there"),
)
"""Kind of request, pattern of the archived answer, of ours, and why."""


@dataclass(frozen=True)
class Answer:
    """What came back, with marks for what differs between any two servers."""

    status: int
    kind: str
    content: Any

    def __str__(self) -> str:
        shown = self.content if isinstance(self.content, str) else json.dumps(self.content)
        return f"{self.status} {self.kind} {shown}"


@dataclass
class Side:
    """One of the two servers, and what things are called on it.

    Args:
        url: Its address.
        http: A client.
        names: What stands for each mark.
    """

    url: str
    http: httpx.Client
    names: dict[str, str] = field(default_factory=dict)

    def raw(self, operation: Operation) -> httpx.Response:
        headers = [(name.encode(), latin_1(value)) for name, value in operation.headers.items()]
        body = operation.body
        if body is not None:
            body = self._named(body.decode("latin-1")).encode("latin-1")
        url = self.url + self._named(operation.path)
        return self.http.request(operation.method, url, headers=headers, content=body)

    def _named(self, text: str) -> str:
        return re.sub(r"@\w+@", lambda mark: self.names.get(mark[0], mark[0]), text)

    def answer(self, response: httpx.Response) -> Answer:
        try:
            content: Any = json.loads(self._marked(json.dumps(_sorted(response.json()))))
        except ValueError:  # another kind of content, or none
            content = self._marked(response.text)
        return Answer(response.status_code, response.headers.get("content-type", ""), content)

    def _marked(self, text: str) -> str:
        # The newest counts: an archived server gives an EID again.
        marks = {name: mark for mark, name in self.names.items()}
        text = _NAME.sub(lambda name: marks.get(name[0], name[0]), text)
        return _TIME.sub("<time>", text)


def _sorted(content: Any) -> Any:
    """Bring into order what has none: files, tags, and the fields of errors."""
    if isinstance(content, list):
        return [_sorted(one) for one in content]
    if not isinstance(content, dict):
        return content
    sort = {key: _sorted(value) for key, value in content.items()}
    for key in ("tags", "files"):
        if isinstance(sort.get(key), list):
            sort[key] = sorted(sort[key], key=json.dumps)
    return sort


class Comparison:
    """Two servers side by side.

    Args:
        archived: The archived one.
        ours: The embedded one.
        operations: What is asked.
    """

    def __init__(self, archived: Side, ours: Side, operations: RandomOperations) -> None:
        self._sides = (archived, ours)
        self._operations = operations
        self.counts: Counter[str] = Counter()
        self.expected: Counter[str] = Counter()
        self.differing: list[str] = []

    def step(self) -> None:
        operation = self._operations.next()
        self.counts[operation.what] += 1
        responses = [side.raw(operation) for side in self._sides]
        if operation.adds:
            self._note_experiment([_told(each, "createExperiment") for each in responses])
        if operation.waits and all(_told(each, "executeExtension") for each in responses):
            self._note_task([_told(each, "executeExtension") for each in responses])
            responses = [self._ended(side) for side in self._sides]
        answers = [side.answer(each) for side, each in zip(self._sides, responses, strict=True)]
        self._compare(operation, *answers)

    def _note_experiment(self, told: list[dict[str, Any]]) -> None:
        if all(told):
            number = self._operations.experiments
            for side, one in zip(self._sides, told, strict=True):
                side.names[f"@uuid{number}@"] = one["uuid"]
                side.names[f"@eid{number}@"] = one["eid"]
            self._operations.experiments += 1

    def _note_task(self, told: list[dict[str, Any]]) -> None:
        for side, one in zip(self._sides, told, strict=True):
            side.names[f"@task{self._operations.tasks}@"] = one["uuid"]
        self._operations.tasks += 1

    def _ended(self, side: Side) -> httpx.Response:
        """Wait for the newest task of a side."""
        newest = f"@task{self._operations.tasks - 1}@"
        look = graphql("task", f"query($u: UUID!) {{ task(taskId: $u) {{ {TASK} }} }}", u=newest)
        found: list[httpx.Response] = []

        def is_so() -> bool:
            found[:] = [side.raw(look)]
            return found[0].json()["data"]["task"]["taskStatus"] not in _OPEN

        wait_until(is_so, f"the end of {newest}")
        return found[0]

    def _compare(self, operation: Operation, archived: Answer, ours: Answer) -> None:
        if archived == ours:
            return
        for what, there, here, why in EXPECTED:
            if (
                re.fullmatch(what, operation.what)
                and re.search(there, str(archived))
                and re.search(here, str(ours))
            ):
                self.expected[why] += 1
                return
        asked = f"{operation.method} {operation.path} {(operation.body or b'')[:400]!r}"
        texts = [str(answer) for answer in (archived, ours)]
        pairs = zip(*texts, strict=False)
        same = next((n for n, (a, b) in enumerate(pairs) if a != b), 0)
        shown = [f"{text[:40]} ... {text[max(0, same - 80) : same + 200]}" for text in texts]
        self.differing.append(
            f"{operation.what}: {asked}\n  archived {shown[0]}\n  ours     {shown[1]}"
        )


def _told(response: httpx.Response, name: str) -> dict[str, Any]:
    """What a mutation gave, if it gave anything."""
    if response.status_code != httpx.codes.OK:
        return {}
    data = response.json().get("data") or {}
    return data.get(name) or {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="an archived Aqueduct, which is filled with experiments")
    parser.add_argument("--operations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="where the embedded server keeps its catalog")
    parser.add_argument("--files", help="where it keeps files")
    options = parser.parse_args()
    operations = RandomOperations(options.seed, f"differ-{uuid.uuid4().hex[:8]} ")
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(
            Path(folder, "data"),
            extensions=EXTENSIONS,
            database=options.database,
            files=options.files,
        ) as server,
        http_client(None) as http,
    ):
        sides = (Side(options.url.rstrip("/"), http), Side(server.url, http))
        comparison = Comparison(*sides, operations)
        for _ in range(options.operations):
            comparison.step()
    for text in comparison.differing:
        print(text)
    print(dict(comparison.counts))
    print("apart on purpose:", dict(comparison.expected))
    print(f"{options.operations} operations, {len(comparison.differing)} differ")
    return bool(comparison.differing)


if __name__ == "__main__":
    sys.exit(main())
