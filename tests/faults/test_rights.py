"""A PC with a token of its own: its whole life, and what it is told of what it may not do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from aqsync.server.rights.who import Scope
from tests.support.embedded import EmbeddedServer
from tests.support.extensions import write_extension
from tests.support.guarded import Guarded
from tests.support.project import Project, Ran, run
from tests.support.visit import Visit

ADMIN = "token-of-the-token-file"


@pytest.fixture
def pcs(tmp_path: Path, guarded: Guarded) -> Iterator[Callable[[Scope], Pc]]:
    """Makes PCs with tokens of their own."""
    with ExitStack() as made:
        yield lambda scope: made.enter_context(closing(Pc(tmp_path / "pc", guarded, scope)))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    write_extension(folder / "extensions" / "fit", {"fit": "echo fitted"})
    with EmbeddedServer(folder / "data", token=ADMIN, extensions=folder / "extensions") as server:
        yield Guarded(server)
    assert "Traceback" not in server.log


class Pc(Project):
    """A PC with a token of its own.

    Args:
        folder: For all of it.
        guarded: The server.
        scope: What its token may do.
        owner: Whose token it is.
    """

    def __init__(self, folder: Path, guarded: Guarded, scope: Scope, owner: str = "sem") -> None:
        self._file = folder / "token"
        folder.mkdir()
        self.take(guarded.secret(owner, scope))
        super().__init__(folder, guarded.server.url, token=ADMIN)

    def take(self, secret: str) -> None:
        """Put a token on the PC."""
        self._file.touch(mode=0o600)
        self._file.write_text(secret)

    def with_token(self, **mapping: Any) -> None:
        self.configure(server={"token_file": str(self._file)}, **mapping)

    def why(self, name: str) -> dict[str, object]:
        return self.run("why", "--json", self.root / name).json


def ended(ran: Ran) -> Ran:
    assert ran.exit_code == 0, ran.text
    return ran


def test_an_instrument_pc_lives_with_upload_alone(
    tmp_path: Path, pcs: Callable[[Scope], Pc], guarded: Guarded
) -> None:
    pc = pcs(Scope.UPLOAD)
    pc.with_token(
        experiment="new",
        path="{name}/**",
        title="{name}",
        tags=["run:{name}"],
        manifest=True,
        on_local_delete="remove",
        actions=[{"when": "complete", "extension": "fit", "action": "fit"}],
        measurement={"folder": "{name}/", "complete": {"sentinel": ["done"]}},
    )
    pc.write("rabi/a.csv", "first")
    pc.write("rabi/b.csv", "goes")
    pc.write("rabi/done")
    pc.pushed()
    pc.write("rabi/a.csv", "second version")
    (pc.root / "rabi" / "b.csv").unlink()
    pc.pushed()
    [found] = pc.run("status", "--json").json["mappings"]["main"]["experiments"]
    eid = found["experiment"]
    made = pc.server.experiment_by_eid(eid)
    assert "run:rabi" in made.tags
    lists = pc.server.list_files([made.uuid])
    assert lists is not None
    names = [file.name for file in lists.files[made.uuid] or ()]
    assert [name for name in names if not name.startswith("aqsync=")] == [
        *("a.csv", "done"),
    ]
    assert len(names) == 3, "and the manifest"
    ended(pc.run("verify"))
    ended(pc.run("free", "main", "--older-than", "0s", "--yes"))
    assert not (pc.root / "rabi" / "a.csv").exists()
    environment = {"AQSYNC_API_TOKEN": pc._file.read_text()}
    back = tmp_path / "back"
    ended(run("pull", eid, back, "--url", pc.url, environment=environment))
    assert [path.read_text() for path in back.rglob("a.csv")] == ["second version"]
    with Visit(guarded.server.url, ADMIN) as admin:
        owner = admin.ask(
            "query($u: String!) {experiment(experimentIdentifier: {type: UUID,"
            " value: $u}) {createdBy tasks {createdBy taskStatus}}}",
            u=str(made.uuid),
        )
    assert owner["createdBy"] == "sem"
    assert {task["createdBy"] for task in owner["tasks"]} == {"sem"}


def test_what_others_have_put_there_is_held_with_a_plain_sentence(
    pcs: Callable[[Scope], Pc], guarded: Guarded
) -> None:
    pc = pcs(Scope.UPLOAD)
    pc.with_token(on_local_delete="remove", manifest=False)
    pc.write("a.csv", "ours")
    pc.write("gone.csv", "ours too")
    pc.write("other.csv", "new")
    pc.pushed()
    # Another token takes over: to the server what is there belongs to somebody else now.
    pc.take(guarded.secret("other", Scope.UPLOAD))
    pc.write("a.csv", "ours, changed")
    (pc.root / "gone.csv").unlink()
    pc.write("more.csv", "nobody has this yet")
    problems = pc.push().json["problems"]
    held = {Path(problem["path"]).name: problem for problem in problems}
    assert set(held) == {"a.csv", "gone.csv"}
    for name, what in (("a.csv", "replace files"), ("gone.csv", "remove files")):
        why = pc.why(name)
        assert why["state"] == "held"
        assert why["code"] == "file-forbidden"
        told = str(why["reason"])
        assert f"may {what} of its own owner only" in told
        assert "belongs to the owner 'sem'" in told
        assert why["next_s"] is None if "next_s" in why else True
    assert pc.server.list_files([pc.experiment.uuid]) is not None
    # Nothing is asked of the server again by itself.
    log = guarded.server.data / "logs" / "access.jsonl"
    pc.push()
    guarded.server.restart()
    refused = re.findall(r'"status":403,"method":"POST","path":"/api/files/[^"]*"', log.read_text())
    assert len(refused) == 2
    pc.take(guarded.secret("sem", Scope.UPLOAD))
    ended(pc.run("retry", pc.root / "a.csv"))
    ended(pc.run("retry", pc.root / "gone.csv"))
    pc.pushed()


@pytest.mark.parametrize(
    ("scope", "code", "told"),
    [
        (Scope.READ, 3, "may only read, so nothing can be uploaded"),
        (Scope.UPLOAD, 0, "ok: the token may upload, and no more than that"),
        (Scope.WRITE, 0, "more than a PC needs: change and remove what others have put there"),
        (Scope.ADMIN, 0, "more than a PC needs: do everything"),
    ],
    ids=lambda value: value.word if isinstance(value, Scope) else "",
)
def test_a_pc_says_what_its_token_may_do(
    pcs: Callable[[Scope], Pc], scope: Scope, code: int, told: str
) -> None:
    pc = pcs(scope)
    pc.with_token()
    checked = pc.run("check", "--online")
    assert checked.exit_code == code
    assert told in checked.text
    found = {each["code"]: each for each in pc.run("doctor", "--json").json["findings"]}
    verdict = {Scope.READ: "fault", Scope.UPLOAD: "ok"}.get(scope, "warning")
    assert found["rights"]["verdict"] == verdict
    assert told.removeprefix("ok: ") in found["rights"]["message"]


@pytest.mark.long
def test_a_limit_of_requests_delays_and_loses_nothing(tmp_path: Path) -> None:
    with (
        EmbeddedServer(tmp_path / "data", token=ADMIN, more=("--rate-limit", "30")) as server,
        closing(Pc(tmp_path / "pc", Guarded(server), Scope.UPLOAD)) as pc,
    ):
        pc.with_token()
        contents = pc.write_some(600)
        for _ in range(20):
            if pc.push().exit_code == 0:
                break
        server.stop()
        log = (server.data / "logs" / "access.jsonl").read_text()
        server.start()
        # Without the limit all would have come in one go.
        assert '"status":429' in log
        pc.pushed()
        lists = pc.server.list_files([pc.experiment.uuid])
        assert lists is not None
        assert {file.name for file in lists.files[pc.experiment.uuid] or ()} >= set(contents)
