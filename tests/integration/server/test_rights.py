"""Tokens and rights over a real socket: who may do what, and what is there for whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from aqsync.server.rights.who import Scope
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import Tasks, parameter, write_extension
from tests.support.guarded import Guarded
from tests.support.patience import wait_until
from tests.support.postgres import Postgres
from tests.support.visit import MULTIPART, Visit, form, head

ADMIN = "the token of the token file"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
ME = "{getCurrentUserInfo {username scopes}}"
BY_UUID = (
    "query($key: String!) {experiment(experimentIdentifier: {type: UUID, value: $key})"
    " {eid createdBy tasks {uuid}}}"
)
BY_EID = "query($key: String!) {experiment(experimentIdentifier: {type: EID, value: $key}) {uuid}}"
SEARCH = "{experiments(offset: 0, limit: 500) {totalExperimentsCount experimentsData {uuid}}}"
TAGS = "{tags(filters: {includeDangling: true}) {totalTagsCount tagsData}}"
TASKS = (
    "{tasks(offset: 0, limit: 500) {totalTasksCount tasksData {uuid stdOut parameters {value}}}}"
)
TAG = (
    "mutation($uuid: UUID!, $tag: String!)"
    " {addTagToExperiment(experimentTagInput: {uuid: $uuid, tag: $tag}) {tags}}"
)
UNTAG = TAG.replace("addTagToExperiment", "removeTagFromExperiment")
UPDATE = (
    "mutation($uuid: UUID!)"
    ' {updateExperiment(uuid: $uuid, experimentUpdateInput: {title: "new"}) {title}}'
)
REMOVE = "mutation($uuid: UUID!) {removeExperiment(experimentRemoveInput: {uuid: $uuid})}"


@pytest.fixture(scope="module", params=["embedded", pytest.param("shared", marks=pytest.mark.long)])
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    url = None
    folder = tmp_path_factory.mktemp("guarded")
    write_extension(
        folder / "extensions" / "e",
        {
            "say": 'echo "$other"',
            "ask": "$python -c 'import os; print(os.environ[\"api_token\"])'",
        },
        parameters=[parameter("other", "experiment")],
    )
    if request.param == "shared":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.database()
    with EmbeddedServer(
        folder / "data",
        token=ADMIN,
        extensions=folder / "extensions",
        database=url,
        files=None if url is None else str(folder / "files"),
    ) as server:
        yield Guarded(server, url)
    assert "Traceback" not in server.log


@pytest.fixture
def admin(guarded: Guarded) -> Iterator[Visit]:
    with Visit(guarded.server.url, ADMIN) as visit:
        yield visit


def forbidden(visit: Visit, query: str, **variables: Any) -> str:
    """Send an operation that must be refused; return why."""
    body = {"query": query, "variables": variables}
    response = visit.http.post("/api/graphql", json=body)
    assert response.status_code == 403, response.text
    (detail,) = response.json().values()
    return str(detail)


def missing(visit: Visit, query: str, **variables: Any) -> list[str]:
    answer = visit.graphql(query, **variables)
    return [error["message"] for error in answer["errors"]]


def secret_of(visit: Visit) -> str:
    return visit.http.headers["authorization"].removeprefix("Bearer ")


def log_in(visit: Visit) -> None:
    entered = {"token": secret_of(visit)}
    assert visit.http.post("/login", data=entered, headers=OWN_PAGE).status_code == 303


def test_the_token_file_is_an_admin_and_tokens_are_their_owners(
    guarded: Guarded, admin: Visit
) -> None:
    assert admin.ask(ME)["username"] == "admin"
    assert "aqsync::scope::admin" in admin.ask(ME)["scopes"]
    with guarded.visit("sem", Scope.UPLOAD) as pc:
        told = pc.ask(ME)
        assert told["username"] == "sem"
        assert "aqsync::scope::upload" in told["scopes"]
        assert "experiment::create::own" in told["scopes"]
        assert "experiment::delete::all" not in told["scopes"]
        made = pc.create()
        assert pc.ask(BY_UUID, key=made["uuid"])["createdBy"] == "sem"
    admin.remove(made["uuid"])


def test_who_reads_changes_nothing(guarded: Guarded, admin: Visit) -> None:
    uuid = admin.create(tags=["kept"])["uuid"]
    admin.put(uuid, "a", b"a")
    with guarded.visit("eve", Scope.READ) as reader:
        assert reader.get(uuid, "a") == b"a"
        assert reader.names(uuid) == ["a"]
        for query in (TAG, UNTAG, UPDATE, REMOVE):
            more = {"tag": "kept"} if "$tag" in query else {}
            assert "has the scope 'read'" in forbidden(reader, query, uuid=uuid, **more)
        for response in (
            reader.upload(uuid, "b", b"b"),
            reader.upload(uuid, "a", b"b"),
            reader.delete(uuid, ["a"]),
            reader.delete(uuid, ["never there"]),
        ):
            assert response.status_code == 403
            assert "has the scope 'read'" in response.json()["detail"]
    assert admin.names(uuid) == ["a"]
    assert admin.get(uuid, "a") == b"a"
    admin.remove(uuid)


def test_what_an_instrument_pc_does_with_experiments(guarded: Guarded, admin: Visit) -> None:
    others = admin.create(tags=["theirs"])["uuid"]
    with guarded.visit("sem", Scope.UPLOAD) as pc:
        own = pc.create(tags=["mine"])["uuid"]
        assert pc.ask(UPDATE, uuid=own)["title"] == "new"
        assert pc.ask(UNTAG, uuid=own, tag="mine")["tags"] == []
        assert pc.ask(TAG, uuid=others, tag="seen")["tags"] == ["theirs", "seen"]
        for query, more in ((UPDATE, {}), (UNTAG, {"tag": "theirs"})):
            assert "of its own owner only" in forbidden(pc, query, uuid=others, **more)
        assert "needs 'admin'" in forbidden(pc, REMOVE, uuid=own)
    with guarded.visit("ada", Scope.WRITE) as writer:
        assert writer.ask(UPDATE, uuid=others)["title"] == "new"
        assert "needs 'admin'" in forbidden(writer, REMOVE, uuid=own)
    for uuid in (own, others):
        admin.remove(uuid)


def test_only_the_owner_replaces_and_removes_a_version(guarded: Guarded, admin: Visit) -> None:
    uuid = admin.create()["uuid"]
    admin.put(uuid, "nobodys", b"old")
    with (
        guarded.visit("sem", Scope.UPLOAD) as pc,
        guarded.visit("sem", Scope.UPLOAD) as rotated,
        guarded.visit("tem", Scope.UPLOAD) as other,
        guarded.visit("ada", Scope.WRITE) as writer,
    ):
        pc.put(uuid, "a", b"1")
        rotated.put(uuid, "a", b"2")
        time = pc.files(uuid, "name modifiedAt")[0]["modifiedAt"]
        stops = (
            other.upload(uuid, "a", b"3"),
            other.upload(uuid, "a", b"3", expected=time),
            other.delete(uuid, ["a"]),
        )
        for refused in stops:
            assert refused.status_code == 403
            assert refused.headers["aqueduct-refused"] == "file"
            told = refused.json()["detail"]
            assert "the file 'a' that is there belongs to the owner 'sem'" in told
        # Of a large file not even the bytes are taken.
        fields = {
            "Authorization": f"Bearer {secret_of(other)}",
            "Content-Type": MULTIPART,
            "Content-Length": str(1 << 30),
            "file_name": "a",
        }
        with other.connection() as connection:
            connection.sendall(head("POST", f"/api/files/{uuid}", fields) + form(b"x"))
            assert connection.recv(1000).startswith(b"HTTP/1.1 403 ")
        other.put(uuid, "b", b"b")
        assert other.delete(uuid, ["b", "a"]).status_code == 403, "all or none"
        assert "nobody that is known" in pc.upload(uuid, "nobodys", b"x").json()["detail"]
        # What a condition says comes first: that another version is there is no secret.
        assert other.upload(uuid, "a", b"3", expected="absent").status_code == 412
        writer.put(uuid, "a", b"4")
        assert pc.upload(uuid, "a", b"5").status_code == 403, "it is the writer's now"
        assert pc.delete(uuid, ["b"]).status_code == 403
        assert other.delete(uuid, ["b"]).status_code == 200
        # A name that is free again is anybody's.
        pc.put(uuid, "b", b"mine")
        assert other.upload(uuid, "b", b"x").status_code == 403
    assert {name: admin.get(uuid, name) for name in admin.names(uuid)} == {
        "a": b"4",
        "b": b"mine",
        "nobodys": b"old",
    }
    admin.remove(uuid)


def test_what_nobody_owns_can_be_handed_over(guarded: Guarded, admin: Visit) -> None:
    uuid = admin.create()["uuid"]
    for name in ("sem_a", "sem_b", "tem_c"):
        admin.put(uuid, name, b"old")
    with guarded.visit("tem", Scope.UPLOAD) as tem, guarded.visit("sem", Scope.UPLOAD) as sem:
        tem.put(uuid, "sem_t", b"of another owner")
        assert guarded.hand_over(uuid, "sem", "sem_") == 2
        assert guarded.hand_over(uuid, "sem", "sem_") == 0
        for name, status in (("sem_a", 200), ("sem_b", 200), ("sem_t", 403), ("tem_c", 403)):
            assert sem.upload(uuid, name, b"new").status_code == status
        assert tem.upload(uuid, "sem_a", b"x").status_code == 403
        admin.put(uuid, "sem_a", b"nobody's again")
        assert sem.upload(uuid, "sem_a", b"new").status_code == 403
    admin.remove(uuid)


def test_of_many_owners_one_gets_a_name(guarded: Guarded, admin: Visit) -> None:
    uuid = admin.create()["uuid"]
    with ExitStack() as visits, ThreadPoolExecutor(6) as threads:
        all_of_them = [
            visits.enter_context(guarded.visit(f"owner-{number}", Scope.UPLOAD))
            for number in range(6)
        ]
        for name in ("x", "y", "z"):
            statuses = list(
                threads.map(
                    lambda one, name=name: one.upload(uuid, name, b"x").status_code, all_of_them
                )
            )
            assert sorted(statuses) == [200, *[403] * 5]
            [owner] = [
                one for one, status in zip(all_of_them, statuses, strict=True) if status == 200
            ]
            assert owner.upload(uuid, name, b"y").status_code == 200
    admin.remove(uuid)


def test_a_bound_token_sees_no_trace_of_anything_else(guarded: Guarded, admin: Visit) -> None:
    own, hidden = admin.create("own", ["own"]), admin.create("hidden", ["hidden", "both"])
    for one in (own, hidden):
        admin.put(one["uuid"], "a", b"a")
    only = frozenset({UUID(own["uuid"])})
    # The same questions about what is hidden and about what never was have the same answers.
    never = {"uuid": str(uuid4()), "eid": "20000101-1"}
    with guarded.visit("sem", Scope.ADMIN, experiments=only) as bound:
        assert bound.ask(SEARCH) == {
            "totalExperimentsCount": 1,
            "experimentsData": [{"uuid": own["uuid"]}],
        }
        assert bound.ask(TAGS) == {"totalTagsCount": 1, "tagsData": ["own"]}
        assert bound.get(own["uuid"], "a") == b"a"
        log_in(bound)
        assert bound.http.get(f"/experiments/{own['eid']}").status_code == 200
        answers = []
        for one in (hidden, never):
            uuid = one["uuid"]
            files = [
                bound.upload(uuid, "a", b"b"),
                bound.delete(uuid, ["a"]),
                bound.http.get(f"/api/files/{uuid}/a"),
                bound.http.get(f"/experiments/{one['eid']}"),
            ]
            answers.append(
                [
                    *(missing(bound, BY_UUID, key=uuid), missing(bound, BY_EID, key=one["eid"])),
                    *(missing(bound, TAG, uuid=uuid, tag="t"), missing(bound, REMOVE, uuid=uuid)),
                    *(
                        missing(bound, UPDATE, uuid=uuid),
                        missing(bound, UNTAG, uuid=uuid, tag="both"),
                    ),
                    *((each.status_code, each.text.replace(uuid, "-")) for each in files),
                    Tasks.refused(_on(bound, own, one), "say", other=own["eid"]),
                ]
            )
        assert answers[0] == answers[1]
        assert "bound to some experiments" in forbidden(
            bound,
            'mutation {createExperiment(createExperimentInput: {title: "", description: "", '
            "tags: []}) {uuid}}",
        )
        assert "aqsync::bound::experiments" in bound.ask(ME)["scopes"]
    assert admin.get(hidden["uuid"], "a") == b"a"
    for one in (own, hidden):
        admin.remove(one["uuid"])


def _on(visit: Visit, named: dict[str, Any], run_on: dict[str, Any]) -> Tasks:
    tasks = Tasks.__new__(Tasks)
    tasks.visit, tasks.extension = visit, "e"
    tasks.experiment = {"eid": named["eid"], "uuid": run_on["uuid"]}
    return tasks


def test_tasks_tell_a_bound_token_nothing_of_other_experiments(
    guarded: Guarded, admin: Visit
) -> None:
    both, hidden = Tasks(admin, "e"), Tasks(admin, "e")
    told = both.ran("say", other=hidden.experiment["eid"])
    open_one = both.ran("say", other=both.experiment["eid"])
    hidden.ran("say", other=both.experiment["eid"])
    only = frozenset({UUID(both.experiment["uuid"])})
    with guarded.visit("sem", Scope.READ, experiments=only) as bound:
        shown = bound.ask(TASKS)
        assert shown["totalTasksCount"] == 2
        assert hidden.experiment["eid"] not in json.dumps(shown)
        assert told["stdOut"] == f"{hidden.experiment['eid']}\n"
        seen = {task["uuid"]: task["stdOut"] for task in shown["tasksData"]}
        assert seen == {told["uuid"]: None, open_one["uuid"]: open_one["stdOut"]}
    for tasks in (both, hidden):
        admin.remove(tasks.experiment["uuid"])


def test_a_prefix_is_all_that_there_is(guarded: Guarded, admin: Visit) -> None:
    made = admin.create()
    uuid, eid = made["uuid"], made["eid"]
    for name in ("sem_a", "Sem_a", "tem_a"):
        admin.put(uuid, name, name.encode())
    with guarded.visit("sem", Scope.WRITE, prefixes=("sem_", "log")) as bound:
        assert bound.names(uuid) == ["sem_a"]
        assert bound.files(uuid, "name modifiedAt")[0]["name"] == "sem_a"
        bound.put(uuid, "log.txt", b"x")
        bound.put(uuid, "sem_a", b"new")
        for name in ("tem_a", "Sem_a", "lo"):
            assert bound.http.get(f"/api/files/{uuid}/{name}").status_code == 404
            for response in (bound.upload(uuid, name, b"x"), bound.delete(uuid, [name])):
                assert response.status_code == 403
                assert "begin with 'sem_' or 'log'" in response.json()["detail"]
        assert bound.delete(uuid, ["sem_a", "tem_a"]).status_code == 403
        log_in(bound)
        listed = bound.http.get(f"/experiments/{eid}").text
        assert "sem_a" in listed
        assert "tem_a" not in listed
        assert "2 files" in listed
        for kind in ("view", "download"):
            assert bound.http.get(f"/experiments/{eid}/{kind}/tem_a").status_code == 404
    assert admin.names(uuid) == ["Sem_a", "log.txt", "sem_a", "tem_a"]
    assert admin.get(uuid, "tem_a") == b"tem_a"
    admin.remove(uuid)


def test_a_session_has_the_rights_of_its_token(guarded: Guarded, admin: Visit) -> None:
    made = admin.create()
    uuid, page = made["uuid"], f"/experiments/{made['eid']}"
    headers = {**OWN_PAGE, "content-type": MULTIPART}
    for scope, shown, status in ((Scope.READ, False, 403), (Scope.UPLOAD, True, 303)):
        with guarded.visit("eve", scope) as person:
            log_in(person)
            text = person.http.get(page).text
            assert ('class="upload"' in text) is shown
            assert ("where they are yours" in text) is shown
            assert person.http.post(page, content=form(b"x"), headers=headers).status_code == status
    assert admin.names(uuid) == ["f"]
    admin.remove(uuid)


def test_the_script_of_a_task_has_the_rights_of_who_ordered_it_for_as_long_as_it_runs(
    guarded: Guarded, admin: Visit
) -> None:
    with guarded.visit("sem", Scope.UPLOAD) as pc:
        tasks = Tasks(pc, "e")
        ended = tasks.ran("ask", other=tasks.experiment["eid"])
        secret = ended["stdOut"].strip()
        assert secret.startswith("aqs_")
        assert secret != secret_of(pc)
        by = "query($uuid: UUID!) {task(taskId: $uuid) {createdBy}}"
        assert pc.ask(by, uuid=ended["uuid"])["createdBy"] == "sem"
    with Visit(guarded.server.url, secret) as late:
        assert late.http.post("/api/graphql", json={"query": ME}).status_code == 401
    admin.remove(tasks.experiment["uuid"])


def test_secrets_are_nowhere(guarded: Guarded) -> None:
    secret = guarded.secret("sem", Scope.READ, name="named-in-logs")
    with Visit(guarded.server.url, secret) as visit:
        visit.ask(ME)
        forbidden(visit, REMOVE, uuid=str(uuid4()))
        visit.http.get(f"/api/files/{uuid4()}/x")
    with Visit(guarded.server.url, secret + "x") as visit:
        assert visit.http.post("/api/graphql", json={"query": ME}).status_code == 401
    guarded.server.restart()
    part = secret[4:20].encode()
    searched = [path for path in guarded.server.data.rglob("*") if path.is_file()]
    assert any(path.name == "audit.jsonl" for path in searched)
    assert not [path for path in searched if part in path.read_bytes()]
    assert part not in guarded.server.log.encode()
    assert part.decode() not in "".join(guarded.server.command())
    audit = Path(guarded.server.data, "logs", "audit.jsonl").read_text()
    assert '"by":"token named-in-logs of sem","owner":"sem"' in audit


@pytest.mark.long
def test_what_was_begun_with_a_token_that_is_revoked_does_not_go_on(
    guarded: Guarded, admin: Visit
) -> None:
    made = admin.create()
    uuid = made["uuid"]
    admin.put(uuid, "large", bytes(64 << 20))
    secret = guarded.secret("sem", Scope.UPLOAD, name="to-be-revoked")
    fields = {
        "Authorization": f"Bearer {secret}",
        "Content-Type": MULTIPART,
        "Content-Length": str(64 << 20),
        "file_name": "half",
    }
    with (
        Visit(guarded.server.url, secret) as pc,
        pc.connection() as upload,
        pc.http.stream("GET", f"/api/files/{uuid}/large") as download,
    ):
        log_in(pc)
        assert pc.http.get("/").status_code == 200
        upload.sendall(head("POST", f"/api/files/{uuid}", fields) + form(b"x")[:-40])
        with guarded.tokens() as tokens:
            tokens.revoke("to-be-revoked")
        wait_until(lambda: pc.http.get("/").status_code == 303, "the end of the session")
        upload.sendall(bytes(1 << 20))
        assert upload.recv(1000).startswith(b"HTTP/1.1 401 ")
        with pytest.raises(httpx.RemoteProtocolError):
            download.read()
    assert admin.names(uuid) == ["large"]
    admin.remove(uuid)
