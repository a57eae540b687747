"""``aqsync experiment``."""

from __future__ import annotations

from uuid import uuid4

import pytest

from aqsync.errors import ExperimentNotFound
from tests.support.remote import Remote

KEYS = {"eid", "uuid", "title", "description", "tags", "created_at", "updated_at"}


def test_create_prints_the_eid_alone(remote: Remote) -> None:
    out = remote.did(
        "experiment", "create", "µ 温", "--description", "d", "--tag", "a", "--tag", "b:1"
    )
    made = remote.server.experiment_by_eid(out.strip())
    assert out == f"{made.eid}\n"
    assert (made.title, made.description, set(made.tags)) == ("µ 温", "d", {"a", "b:1"})


def test_create_as_json(remote: Remote) -> None:
    made = remote.json("experiment", "create", "t")
    assert made.keys() == KEYS
    assert (made["title"], made["description"], made["tags"]) == ("t", "", [])
    assert made["created_at"].endswith("+00:00")


def test_what_the_server_refuses_is_told(remote: Remote) -> None:
    assert "refused" in remote.refused(1, "experiment", "create", "t", "--tag", "not a tag")
    assert "refused" in remote.refused(1, "experiment", "create", "x" * 257)


def test_find_lists_the_newest_first(remote: Remote) -> None:
    word = uuid4().hex
    eids = [remote.did("experiment", "create", f"{word} {n}").strip() for n in range(3)][::-1]
    lines = remote.did("experiment", "find", word).splitlines()
    assert lines[0].split() == ["EID", "TITLE", "TAGS", "CREATED"]
    assert [line.split()[0] for line in lines[1:]] == eids
    found = remote.json("experiment", "find", word)
    assert [each["eid"] for each in found] == eids
    assert all(each.keys() == KEYS for each in found)
    ran = remote.run("experiment", "find", word, "--limit", "2")
    assert len(ran.out.splitlines()) == 3
    assert ran.err == "2 of 3 experiments; --all lists every one\n"
    assert len(remote.json("experiment", "find", word, "--limit", "2")) == 2


def test_all_is_all(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqsync.cli.commands.experiment._PAGE", 2)
    word = uuid4().hex
    eids = {remote.server.create_experiment(f"{word}", "").eid for _ in range(5)}
    ran = remote.run("experiment", "find", word, "--all")
    assert {line.split()[0] for line in ran.out.splitlines()[1:]} == eids
    assert ran.err == ""


def test_tags_any_or_all(remote: Remote) -> None:
    one, two = (f"t{uuid4().hex}" for _ in range(2))
    first = remote.server.create_experiment("x", "", [one]).eid
    both = remote.server.create_experiment("x", "", [one, two]).eid

    def found(*more: str) -> set[str]:
        arguments = ("experiment", "find", "--tag", one.upper(), "--tag", two, *more)
        return {each["eid"] for each in remote.json(*arguments)}

    assert found() == {first, both}
    assert found("--all-tags") == {both}


def test_since_and_until(remote: Remote) -> None:
    word = uuid4().hex
    made = remote.server.create_experiment(word, "")
    day = made.created_at.astimezone().date().isoformat()

    def found(*more: str) -> int:
        return len(remote.json("experiment", "find", word, *more))

    assert found("--since", day, "--until", day) == 1
    assert found("--since", "1h") == 1
    assert found("--until", "1h") == 0
    assert found("--since", made.created_at.isoformat()) == 1
    assert found("--until", "2020-01-01") == 0
    assert found("--since", "2999-01-01") == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--all-tags"], "--all-tags"),
        (["--all", "--limit", "3"], "cannot stand together"),
        (["--since", "gestern"], "is not a time"),
        (["--limit", "0"], "--limit"),
        (["--limit", "501"], "--limit"),
    ],
)
def test_wrong_usage_of_find(remote: Remote, arguments: list[str], complaint: str) -> None:
    assert complaint in remote.refused(2, "experiment", "find", *arguments)


def test_nothing_found(remote: Remote) -> None:
    ran = remote.run("experiment", "find", uuid4().hex)
    assert (ran.exit_code, ran.out, ran.err) == (0, "", "no experiments found\n")
    assert remote.json("experiment", "find", uuid4().hex) == []


@pytest.mark.parametrize("by", ["eid", "uuid"])
def test_show(remote: Remote, by: str) -> None:
    remote.server.update_experiment(remote.experiment.uuid, description="one\ntwo \x1b[2J")
    tags = [f"{name}-{uuid4().hex}" for name in "ab"]
    remote.server.add_tags(remote.experiment.uuid, tags)
    remote.put("b.csv")
    remote.put("a.csv")
    named = str(getattr(remote.experiment, by))
    lines = remote.did("experiment", "show", named).splitlines()
    assert f"EID:          {remote.eid}" in lines
    assert "description:  one" in lines
    assert "              two \\x1b[2J" in lines
    assert f"tags:         {', '.join(tags)}" in lines
    assert [line.split()[0] for line in lines[-3:]] == ["NAME", "a.csv", "b.csv"]
    found = remote.json("experiment", "show", named)
    assert found.keys() == KEYS | {"files"}
    assert [file["name"] for file in found["files"]] == ["a.csv", "b.csv"]
    assert all(file.keys() == {"name", "uploaded_at"} for file in found["files"])


@pytest.mark.parametrize(
    "command",
    [
        ["experiment", "show"],
        ["experiment", "set", "--title", "x"],
        ["experiment", "remove", "--yes"],
        ["tags", "list"],
        ["files", "list"],
        ["files", "get"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "named", ["20200101-999999", "a913bf2f-94d5-477e-868a-340484acb0dd", "no eid"]
)
def test_an_unknown_experiment(remote: Remote, command: list[str], named: str) -> None:
    assert f"experiment {named} does not exist" in remote.refused(1, *command, named)


def test_set(remote: Remote) -> None:
    assert remote.did("experiment", "set", remote.eid, "--title", "new") == f"{remote.eid}: new\n"
    changed = remote.json("experiment", "set", remote.eid, "--description", "d")
    assert changed.keys() == KEYS
    assert (changed["title"], changed["description"]) == ("new", "d")


@pytest.mark.parametrize("arguments", [[], ["--title", ""], ["--description", " "]])
def test_set_refuses_what_would_change_nothing(remote: Remote, arguments: list[str]) -> None:
    remote.refused(2, "experiment", "set", remote.eid, *arguments)
    assert remote.server.experiment_by_eid(remote.eid).updated_at == remote.experiment.updated_at


def test_remove_without_anybody_to_ask(remote: Remote) -> None:
    complaint = remote.refused(2, "experiment", "remove", remote.eid)
    assert "nothing was removed" in complaint
    assert "--yes" in complaint
    remote.server.experiment_by_eid(remote.eid)


def test_remove(remote: Remote) -> None:
    other = remote.server.create_experiment("x", "")
    out = remote.did("experiment", "remove", remote.eid, str(remote.experiment.uuid), "--yes")
    assert out == f"removed {remote.eid}\n"
    answer = remote.json("experiment", "remove", other.eid, "-y")
    assert answer == {"removed": [other.eid]}
    for eid in (remote.eid, other.eid):
        with pytest.raises(ExperimentNotFound):
            remote.server.experiment_by_eid(eid)


def test_remove_of_several_begins_only_if_all_exist(remote: Remote) -> None:
    remote.refused(1, "experiment", "remove", remote.eid, "20200101-999999", "--yes")
    remote.server.experiment_by_eid(remote.eid)
