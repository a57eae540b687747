"""Random requests to an Aqueduct server, each the same for any: what differs stands as a mark."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from tests.contract.tasks import EXTENSION
from tests.contract.wire import ARCHIVED, MULTIPART, multipart

EXPERIMENT = "uuid eid title description createdAt createdBy updatedAt tags"
FILES = "files { name path modifiedAt }"
TASK = """uuid experiment { uuid eid } extensionName actionName createdBy receivedAt endedAt
taskStatus stdOut stdErr resultCode
parameters { value key { name displayName description dataType defaultValue options } }"""
UNKNOWN = "00000000-0000-4000-8000-00000000dead"
JSON_KIND = {"Content-Type": "application/json"}

TEXTS = ["", " ", "a", "run_7", "50%", "a\\b", "µ é Å", "😀", "'; --", '"', "line\nline", "x" * 64]
LONG = ["x" * 65, "x" * 256, "µ" * 257, "x" * 5000, "x" * 5001]
TAGS = ["alpha", "ALPHA", "Beta", "beta", "gamma", "a/b", "a:b", "a-b_c", ARCHIVED, "x" * 64]
NO_TAGS = ["", " ", "a b", "a.b", "é", "x" * 65]
NAMES = ["a.txt", "b.csv", "c.json", "d.md", "e", "f.PNG", "g.tar.gz", "é.txt", "a b.txt", "h%.txt"]
NO_NAMES = ["", "a/b", "..", "a.", "NUL", "con.txt", "a:b", "x" * 256, "a|b", "a\tb"]
HOLLOW = [*("{", "[", "1", "null", "{}", '{"query": null}', '{"query": ""}', ""), "\x00"]
QUERIES = [
    *("{", "{ nothing }", "{ __typename }", "{ getCurrentUserInfo { username } }"),
    *(
        "{ experiments { totalExperimentsCount } }",
        "subscription { x }",
        "fragment F on Query { x }",
    ),
    *("query A { __typename } query B { __typename }", "{ tags(limit: 501) { totalTagsCount } }"),
    *("{ tags(limit: -1, offset: 0) { __typename } }", '{ task(taskId: "x") { uuid } }'),
    *(
        "{ __schema { queryType { name } mutationType { name } } }",
        "{ a: __typename b: __typename }",
    ),
    *('{ __type(name: "ExperimentData") { kind fields { name } } }', "{ extensions { name } }"),
    "query($n: Int!) { experiments(offset: 0, limit: $n) { __typename } }",
    "{ getCurrentUserInfo { ...F } } fragment F on UserInfo { username }",
    "{ getCurrentUserInfo @skip(if: true) { username } }",
    "{ experiments(offset: 99999999999, limit: 1) { __typename } }",
    "{ experiments(offset: 0, limit: 501) { __typename } }",
    '{ experiments(offset: 0, limit: 1, filters: {startDate: "x"}) { __typename } }',
]


@dataclass(frozen=True)
class Operation:
    """One request.

    Args:
        what: Its kind.
        method: Of HTTP.
        path: Where to, with marks.
        headers: Its headers.
        body: Its body, with marks.
        waits: Whether it orders a task whose end is to be compared.
        adds: Whether it makes an experiment.
    """

    what: str
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    waits: bool = False
    adds: bool = False


def graphql(what: str, query: str, *, adds: bool = False, **variables: Any) -> Operation:
    body = json.dumps({"query": query, "variables": variables}).encode()
    return Operation(what, "POST", "/api/graphql", JSON_KIND, body, adds=adds)


class RandomOperations:
    """Makes up requests, and knows how many experiments and tasks there are.

    Args:
        seed: What they are made from.
        mark: Stands in the title of every experiment, and finds no others.
    """

    def __init__(self, seed: int, mark: str) -> None:
        self._random = random.Random(seed)
        self._mark = mark
        self._kinds: dict[Callable[[], Operation], int] = {
            self._create: 12,
            self._update: 5,
            self._tag: 12,
            self._look: 12,
            self._search: 16,
            self._remove: 2,
            self._upload: 12,
            self._download: 8,
            self._delete: 6,
            self._strange_file_request: 3,
            self._execute: 3,
            self._tasks: 5,
            self._any_query: 5,
            self._hollow: 3,
        }
        self.experiments = 0
        self.tasks = 0
        self.removed: set[int] = set()

    def next(self) -> Operation:
        (make,) = self._random.choices(list(self._kinds), list(self._kinds.values()))
        return make()

    def _one(self, *lists: list[str]) -> str:
        return self._random.choice(self._random.choice(lists))

    def _chance(self, part: float) -> bool:
        return self._random.random() < part

    def _any_experiment(self) -> int | None:
        return self._random.randrange(self.experiments) if self.experiments else None

    def _uuid(self) -> str:
        number = self._any_experiment()
        if number is None or self._chance(0.05):
            return self._one([UNKNOWN, "x", ""]) if self._chance(0.3) else UNKNOWN
        return f"@uuid{number}@"

    def _living(self) -> str:
        alive = [n for n in range(self.experiments) if n not in self.removed]
        return f"@uuid{self._random.choice(alive)}@" if alive else UNKNOWN

    def _eid(self) -> str:
        alive = [n for n in range(self.experiments) if n not in self.removed]
        if not alive or self._chance(0.15):
            return self._one(["", "x", "20200101-1", "20200101-", "-1", "1-1-1"])
        return f"@eid{self._random.choice(alive)}@"

    def _some_tags(self) -> list[str]:
        wanted = [self._one(TAGS) for _ in range(self._random.choice([0, 1, 1, 2, 3]))]
        if self._chance(0.08):
            wanted.append(self._one(NO_TAGS))
        if self._chance(0.02):
            wanted = [f"t{number}" for number in range(self._random.choice([64, 65]))]
        return [self._own(tag) for tag in wanted]

    def _sample_of_tags(self) -> list[str]:
        sample = self._random.sample(TAGS, self._random.choice([0, 1, 2]))
        return [self._own(tag) for tag in sample]

    def _own(self, tag: str) -> str:
        """A tag of this run alone: how the first one was spelled outlives its experiments."""
        return tag if tag in {ARCHIVED, *NO_TAGS} else f"{self._mark.strip()[-8:]}{tag}"[:64]

    def _create(self) -> Operation:
        title = self._mark + self._one(TEXTS) if self._chance(0.95) else self._one(LONG)
        return graphql(
            "create",
            "mutation($t: String!, $d: String!, $tags: [String!]!) { createExperiment("
            "createExperimentInput: {title: $t, description: $d, tags: $tags})"
            f" {{ {EXPERIMENT} }} }}",
            t=title,
            d=self._one(TEXTS, TEXTS, TEXTS, LONG),
            tags=self._some_tags(),
            adds=True,
        )

    def _update(self) -> Operation:
        change: dict[str, Any] = {}
        if self._chance(0.6):
            change["title"] = self._random.choice([None, "", self._mark + self._one(TEXTS, LONG)])
        if self._chance(0.6):
            change["description"] = self._random.choice([None, "", self._one(TEXTS, LONG)])
        return graphql(
            "update",
            "mutation($u: UUID!, $c: ExperimentUpdateInput!) { updateExperiment(uuid: $u,"
            f" experimentUpdateInput: $c) {{ {EXPERIMENT} }} }}",
            u=self._uuid(),
            c=change,
        )

    def _tag(self) -> Operation:
        one, change = "ExperimentTagInput", self._own(self._one(TAGS, TAGS, NO_TAGS))
        kinds: list[tuple[str, str, dict[str, Any]]] = [
            ("addTagToExperiment", one, {"tag": change}),
            ("addTagsToExperiment", "ExperimentTagsInput", {"tags": self._some_tags()}),
            ("removeTagFromExperiment", one, {"tag": change}),
        ]
        name, kind, given = self._random.choice(kinds)
        argument = f"{kind[0].lower()}{kind[1:]}"
        return graphql(
            name,
            f"mutation($i: {kind}!) {{ {name}({argument}: $i) {{ {EXPERIMENT} }} }}",
            i={"uuid": self._uuid(), **given},
        )

    def _look(self) -> Operation:
        by_eid = self._chance(0.5)
        query = (
            "query($i: ExperimentIdentifierInput!) { experiment(experimentIdentifier: $i)"
            f" {{ {EXPERIMENT} {FILES} tasks {{ uuid taskStatus }} }} }}"
        )
        identifier = {
            "type": "EID" if by_eid else "UUID",
            "value": self._eid() if by_eid else self._uuid(),
        }
        if self._chance(0.2):
            variables = json.dumps({"i": identifier})
            asked = urlencode({"query": query, "variables": variables}, safe="@")
            return Operation("look over GET", "GET", f"/api/graphql?{asked}")
        return graphql("look", query, i=identifier)

    def _search(self) -> Operation:
        part = self._one(
            TEXTS, ["%", "_", "%7", r"\_", r"\%", "\\", "RUN_7", "É", "a%b", "__", "%%"]
        )
        filters: dict[str, Any] = {"title": f"{self._mark}%{part}"[:64]}
        if self._chance(0.2):
            filters["tags"] = self._sample_of_tags()
        if self._chance(0.2):
            filters["shouldIncludeTags"] = self._sample_of_tags()
        if self._chance(0.03):
            filters["title"] += "x" * 65
        if self._chance(0.1):
            when = self._random.choice(["2020-01-01T00:00:00", "2090-01-01T00:00:00+05:30", "x"])
            filters[self._random.choice(["startDate", "endDate"])] = when
        return graphql(
            "search",
            "query($o: Int!, $l: Int!, $f: ExperimentFiltersInput) { experiments(offset: $o,"
            " limit: $l, filters: $f) { totalExperimentsCount"
            f" experimentsData {{ {EXPERIMENT} }} }} }}",
            o=self._random.choice([0, 0, 0, 1, 5, -1, -3]),
            l=self._random.choice([500, 500, 10, 3, 0, -1, 501]),
            f=filters,
        )

    def _remove(self) -> Operation:
        number = self._any_experiment()
        if number is None:
            return self._create()
        self.removed.add(number)
        return graphql(
            "remove",
            "mutation($u: UUID!) { removeExperiment(experimentRemoveInput: {uuid: $u}) }",
            u=f"@uuid{number}@",
        )

    def _upload(self) -> Operation:
        name = self._one(NAMES, NAMES, NAMES, NAMES, NO_NAMES)
        content = self._random.choice([b"", b"a", b"1,2\n3,4\n", bytes(range(256)), b"x" * 5000])
        part = "file" if self._chance(0.95) else "other"
        headers = {"Content-Type": MULTIPART, "file_name": name}
        if self._chance(0.03):
            del headers["file_name"]
        if self._chance(0.03):
            headers["Content-Type"] = self._random.choice(["text/plain", "multipart/form-data"])
        uuid = self._living() if self._chance(0.9) else self._uuid()
        body = multipart(content, part=part, closed=self._chance(0.97))
        return Operation("upload", "POST", f"/api/files/{uuid}", headers, body)

    def _download(self) -> Operation:
        name = self._one(NAMES, NAMES, NAMES, NO_NAMES)
        uuid = self._living() if self._chance(0.9) else self._uuid()
        return Operation("download", "GET", f"/api/files/{uuid}/{quote(name, safe='')}")

    def _delete(self) -> Operation:
        names: Any = [
            self._one(NAMES, NAMES, NAMES, NO_NAMES) for _ in range(self._random.randrange(3))
        ]
        body: Any = {"file_list": names}
        if self._chance(0.1):
            body = self._random.choice([{}, [], {"file_list": "x"}, {"file_list": [1]}, None])
        uuid = self._living() if self._chance(0.9) else self._uuid()
        path = f"/api/files/{uuid}/delete_files"
        return Operation("delete", "POST", path, JSON_KIND, json.dumps(body).encode())

    def _strange_file_request(self) -> Operation:
        method = self._random.choice(["HEAD", "OPTIONS", "PUT", "DELETE", "GET", "PATCH"])
        uuid = self._living()
        path = self._random.choice(["", "/a.txt", "/delete_files", "/a/b"])
        return Operation(f"{method} of files", method, f"/api/files/{uuid}{path}")

    def _execute(self) -> Operation:
        action, parameters = self._random.choice(
            [
                ("echo", self._echo_parameters()),
                ("fail", {"where": self._eid()}),
                ("show", {"file": self._one(NAMES, ["none", ""]), "where": self._eid()}),
                ("show", {"where": self._eid()}),
                ("none", {}),
            ]
        )
        pairs = [[name, value] for name, value in parameters.items()]
        if self._chance(0.05):
            pairs.append(self._random.choice([[], ["x"], ["x", "y", "z"], ["x", "y"]]))
        operation = graphql(
            "execute",
            "mutation($i: ExecuteExtensionInput!) { executeExtension(executeExtensionInput: $i)"
            f" {{ {TASK} }} }}",
            i={
                "experimentUuid": self._living() if self._chance(0.9) else UNKNOWN,
                "extension": EXTENSION if self._chance(0.95) else "none",
                "action": action,
                "params": pairs,
            },
        )
        return Operation(
            operation.what, "POST", operation.path, JSON_KIND, operation.body, waits=True
        )

    def _echo_parameters(self) -> dict[str, str]:
        return {
            "text": self._one(TEXTS),
            "note": self._one(TEXTS),
            "count": self._one(["1", "-3", " 7 ", "1_0", "1.0", "", "x"]),
            "ratio": self._one(["1.5", "1e3", "nan", "inf", "1,5", ""]),
            "flag": self._one(["true", "FALSE", "1", "0", "yes", ""]),
            "choice": self._one(["one", "two words", "three", "four"]),
            "where": self._eid(),
        }

    def _tasks(self) -> Operation:
        if self.tasks and self._chance(0.4):
            number = self._random.randrange(self.tasks)
            name, argument = self._random.choice(
                [("task", "taskId: $u"), ("cancelTask", "cancelTaskInput: {taskId: $u}")]
            )
            start = "query" if name == "task" else "mutation"
            uuid = f"@task{number}@" if self._chance(0.8) else self._one([UNKNOWN, "x"])
            return graphql(
                name, f"{start}($u: UUID!) {{ {name}({argument}) {{ {TASK} }} }}", u=uuid
            )
        kind, value = self._random.choice([("UUID", self._uuid()), ("EID", self._eid())])
        filters: dict[str, Any] = {"experiment": {"type": kind, "value": value}}
        if kind == "UUID" and not value.startswith("@"):
            filters["experiment"]["value"] = UNKNOWN
        if self._chance(0.3):
            filters["actionName"] = self._one(["echo", "fail", "ECHO", ""])
        if self._chance(0.2):
            filters |= {"limit": 1, "offset": 1}
        return graphql(
            "tasks",
            "query($o: Int!, $l: Int!, $f: TasksFilterInput) { tasks(offset: $o, limit: $l,"
            f" filters: $f) {{ totalTasksCount tasksData {{ {TASK} }} }} }}",
            o=self._random.choice([0, 0, 1, -1]),
            l=self._random.choice([10, 500, 0, -1, 501]),
            f=filters,
        )

    def _any_query(self) -> Operation:
        query = self._one(QUERIES)
        if self._chance(0.5):
            variables = self._random.choice(["", '{"n": 1}', "{", "null"])
            asked = {"query": query, "operationName": self._one(["A", "B", ""])}
            if variables:
                asked["variables"] = variables
            if not asked["operationName"]:
                del asked["operationName"]
            return Operation("any query over GET", "GET", f"/api/graphql?{urlencode(asked)}")
        return graphql("any query", query, n=self._random.choice([1, "x", None]))

    def _hollow(self) -> Operation:
        kind = self._one(
            ["application/json", "text/plain", "application/x-www-form-urlencoded", ""]
        )
        body = self._one(HOLLOW).encode()
        return Operation("hollow", "POST", "/api/graphql", {"Content-Type": kind}, body)
