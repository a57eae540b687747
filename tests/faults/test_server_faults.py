"""A server that fails: the right exit code, one clear line, and everything there afterwards."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import (
    ANYTHING,
    DOWNLOAD,
    GRAPHQL,
    UPLOAD,
    Exchange,
    InterceptingProxy,
    Reaction,
    answering,
    breaking_off,
    losing_the_answer,
)
from tests.support.project import Project

HTML = b"<html><head><title>413 Request Entity Too Large</title></head><body>nginx</body></html>"


def heals(project: Project, proxy: InterceptingProxy, contents: dict[str, bytes]) -> None:
    """Once the trouble is over, the next push ends with everything there."""
    proxy.hands_off()
    project.configure(server={"url": proxy.url})
    project.pushed()
    assert project.remote() == contents
    assert project.pushed()["uploaded"] == 0


def silence(exchange: Exchange) -> bool:
    """A reaction: read the request, and say nothing until aqsync hangs up."""
    exchange.read()
    exchange.peer.wait_until_gone()
    return False


def garbage(exchange: Exchange) -> bool:
    exchange.read()
    exchange.peer.sock.sendall(b"SSH-2.0-OpenSSH_9.6\r\nInvalid identification string\r\n\r\n")
    return False


def test_a_server_that_is_down_is_told_soon(project: Project, hurried: list[float]) -> None:
    project.write_some(5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    project.configure(server={"url": f"http://127.0.0.1:{port}"})
    ran = project.run("push")
    assert sum(hurried) < 15
    assert ran.exit_code == 3
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert f"no connection to http://127.0.0.1:{port}: connection refused" in errors[0]
    assert "hint: check that the server runs" in ran.err
    status = project.run("status")
    assert "the server has not been usable" in status.out
    assert status.exit_code == 1

    project.configure()
    assert project.pushed()["uploaded"] == 5


SILENT_S = 1.0


def be_impatient(project: Project, proxy: InterceptingProxy, reaction: Reaction) -> None:
    """Where the server is silent, it shall not take long."""
    if reaction is silence:
        limits = {"timeout": f"{SILENT_S:g}s", "stall_timeout": f"{SILENT_S:g}s"}
        project.configure(server={"url": proxy.url, **limits})


TROUBLES: dict[str, tuple[Reaction, str]] = {
    "500": (answering("500 Internal Server Error", b'{"detail": "boom"}'), "failed (500: boom)"),
    "502 html": (
        answering("502 Bad Gateway", b"<title>502 Bad Gateway</title>"),
        "failed (502: 502 Bad Gateway)",
    ),
    "429": (answering("429 Too Many Requests", b""), "failed (429"),
    "garbage": (garbage, "does not speak HTTP"),
    "html": (
        answering("200 OK", b"<title>Router login</title>"),
        "does not answer like an Aqueduct server (200: Router login)",
    ),
    "not json": (answering("200 OK", b"[]"), "does not answer like an Aqueduct server"),
    "404": (answering("404 Not Found", b'{"detail":"Not Found"}'), "does not answer like"),
    "redirect": (
        answering("301 Moved Permanently", b"", "location: https://lab.example/"),
        "answered 301 and points to https://lab.example/",
    ),
    "reset": (breaking_off, "broke off"),
    "silence": (silence, f"was silent for {SILENT_S:g} s"),
    "401": (
        answering("401 Unauthorized", b'{"detail": "no"}'),
        "asks for a token",
    ),
    "403": (answering("403 Forbidden", b'{"detail": "no"}'), "does not allow this"),
}
TROUBLE = pytest.mark.parametrize(("reaction", "said"), TROUBLES.values(), ids=TROUBLES)


@pytest.mark.usefixtures("hurried")
@TROUBLE
def test_a_server_in_trouble(
    project: Project, proxy: InterceptingProxy, reaction: Reaction, said: str
) -> None:
    contents = project.write_some(5)
    be_impatient(project, proxy, reaction)
    proxy.on(ANYTHING, reaction)
    ran = project.run("push")
    assert ran.exit_code == 3, ran.text
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert project.remote_names() == set()
    heals(project, proxy, contents)


@pytest.mark.usefixtures("hurried")
@TROUBLE
def test_a_server_that_fails_at_uploads_only(
    project: Project, proxy: InterceptingProxy, reaction: Reaction, said: str
) -> None:
    contents = project.write_some(5)
    be_impatient(project, proxy, reaction)
    proxy.on(UPLOAD, reaction)
    ran = project.push()
    assert ran.exit_code in {1, 3}, ran.text
    answer = ran.json
    told = [problem["reason"] for problem in answer["problems"]]
    told += [answer["server"]["reason"]] if answer["server"] else []
    assert any(said in reason for reason in told), told
    assert answer["uploaded"] == 0
    assert answer["waiting"] + answer["failed"] + answer["held"] == 5
    assert project.remote_names() == set()
    heals(project, proxy, contents)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("trouble", ["500", "429", "garbage", "reset", "silence"])
def test_a_trouble_that_passes_is_no_trouble(
    project: Project, proxy: InterceptingProxy, trouble: str
) -> None:
    contents = project.write_some(5)
    reaction = TROUBLES[trouble][0]
    be_impatient(project, proxy, reaction)
    proxy.on(ANYTHING, reaction, times=1)
    assert project.pushed()["uploaded"] == 5
    assert project.remote() == contents

    proxy.on(UPLOAD, reaction, times=1)
    project.write("later.csv", "later")
    assert project.pushed()["uploaded"] == 1
    assert project.read("later.csv") == b"later"


def test_a_wait_is_explained_by_its_reason(
    project: Project, proxy: InterceptingProxy, hurried: list[float]
) -> None:
    file = project.write("a.csv")
    full = answering("507 Insufficient Storage", b'{"detail": "the disk is full"}')
    proxy.on(UPLOAD, full)
    ran = project.run("push")
    assert hurried
    waits = [line for line in ran.err.splitlines() if line.startswith("waiting ")]
    assert len(waits) == 2
    assert all("failed (507: the disk is full)" in line for line in waits)
    assert "may still be changing" not in ran.text
    told = project.run("why", file, "--json").json
    assert (told["decision"], told["state"]) == ("Wait", "failed")
    assert "failed (507: the disk is full)" in told["reason"]


def busy(seconds: str) -> Reaction:
    return answering("429 Too Many Requests", b"slow down", f"retry-after: {seconds}")


@pytest.mark.parametrize("begin", [ANYTHING, UPLOAD], ids=["anything", "upload"])
def test_a_push_waits_as_long_as_the_server_asks_for(
    project: Project, proxy: InterceptingProxy, hurried: list[float], begin: bytes
) -> None:
    contents = project.write_some(5)
    proxy.on(begin, busy("40"), times=1)
    ran = project.run("push")
    assert ran.exit_code == 0, ran.text
    assert [round(pause) for pause in hurried] == [40]
    [line] = [line for line in ran.err.splitlines() if line.startswith("waiting ")]
    assert "failed (429: slow down); it asks to be left alone for 40 s" in line
    assert project.remote() == contents


@pytest.mark.parametrize("begin", [ANYTHING, UPLOAD], ids=["anything", "upload"])
def test_a_push_gives_up_on_a_server_that_asks_for_too_long_a_pause(
    project: Project, proxy: InterceptingProxy, hurried: list[float], begin: bytes
) -> None:
    contents = project.write_some(20)
    proxy.on(begin, busy("7200"), times=1)
    ran = project.run("push")
    assert ran.exit_code == 3
    assert hurried == []
    [error] = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert "it asks to be left alone for 1 h" in error
    proxy.uploads.clear()
    assert project.run("push").exit_code == 3, "asked again too soon"
    assert proxy.uploads == []
    assert "asks to be left alone" in project.run("status").out
    hurried.append(3600.0)
    heals(project, proxy, contents)


REFUSALS: dict[str, tuple[Reaction, str, str]] = {
    "400": (
        answering("400 Bad Request", b'{"detail": "Invalid file name."}'),
        "the server refused it: Invalid file name",
        "",
    ),
    "413 json": (
        answering(
            "413 Request Entity Too Large",
            b'{"detail": "Maximum file size limit (3 bytes) exceeded."}',
        ),
        "9 bytes, and the server takes at most 3",
        "",
    ),
    "413 html": (
        answering("413 Request Entity Too Large", HTML, "content-type: text/html"),
        "a proxy in front of the server refused it as too large (413)",
        "client_max_body_size",
    ),
    "422": (
        answering("422 Unprocessable Entity", b'{"detail": [{"msg": "not so"}]}'),
        "the server refused it: not so",
        "",
    ),
}


@pytest.mark.parametrize(("reaction", "said", "hint"), REFUSALS.values(), ids=REFUSALS)
def test_a_file_that_the_server_refuses_is_held_alone(
    project: Project, proxy: InterceptingProxy, reaction: Reaction, said: str, hint: str
) -> None:
    contents = project.write_some(5)

    def refuse(exchange: Exchange) -> bool | None:
        return reaction(exchange) if exchange.file_name == "2.csv" else exchange.pass_on()

    proxy.on(UPLOAD, refuse)
    ran = project.push()
    assert ran.exit_code == 1
    assert (ran.json["uploaded"], ran.json["held"]) == (4, 1)
    [problem] = ran.json["problems"]
    assert problem["path"] == str(project.root / "2.csv")
    assert problem["state"] == "held"
    assert said in problem["reason"]
    assert hint in problem["hint"]

    proxy.uploads.clear()
    assert project.push().exit_code == 1
    assert proxy.uploads == [], "what was refused is not offered again by itself"

    proxy.hands_off()
    assert project.run("retry", project.root / "2.csv").exit_code == 0
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == contents


def test_a_refused_file_is_tried_again_when_it_changes(
    project: Project, proxy: InterceptingProxy
) -> None:
    file = project.write("a.csv", "too large")
    proxy.on(UPLOAD, REFUSALS["413 json"][0], times=1)
    assert project.push().json["held"] == 1
    file.write_text("fit")
    assert project.pushed()["uploaded"] == 1
    assert project.read("a.csv") == b"fit"


def test_a_real_size_limit(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", max_file_bytes=2_000_000) as server:
        project = Project(tmp_path / "user", server.url)
        project.write("large.bin", b"x" * 9_000_000)
        project.write("small.csv", "small")
        ran = project.push()
        assert ran.exit_code == 1
        [problem] = ran.json["problems"]
        assert "9000000 bytes, and the server takes at most 2000000" in problem["reason"]
        assert problem["state"] == "held"
        assert project.remote() == {"small.csv": b"small"}
        project.close()


def test_a_proxy_that_drops_the_header_is_named_once(
    project: Project, proxy: InterceptingProxy
) -> None:
    contents = project.write_some(5)
    dropped = answering("422 Unprocessable Entity", b'{"detail": "Filename header is missing."}')
    proxy.on(UPLOAD, dropped)
    ran = project.run("push")
    assert ran.exit_code == 3
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "a proxy on the way drops it" in errors[0]
    assert "underscores_in_headers on" in ran.err
    online = project.run("check", "--online")
    assert online.exit_code == 3
    assert "underscores_in_headers on" in online.err
    heals(project, proxy, contents)


@pytest.mark.usefixtures("hurried")
def test_an_upload_that_breaks_off_midway(project: Project, proxy: InterceptingProxy) -> None:
    content = bytes(range(256)) * 40_000
    project.write("large.bin", content)
    proxy.on(UPLOAD, breaking_off, times=1)
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == {"large.bin": content}


def test_a_lost_answer_costs_no_second_upload(project: Project, proxy: InterceptingProxy) -> None:
    project.write("a.csv", "stored, but nobody heard of it")
    proxy.on(UPLOAD, losing_the_answer, times=1)
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"]) == (0, 1)
    assert proxy.uploads == ["a.csv"]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("pushes", [1, 2])
def test_a_file_that_changes_after_a_lost_answer_is_no_conflict(
    project: Project, proxy: InterceptingProxy, pushes: int
) -> None:
    file = project.write("a.csv", "first")

    def lose_and_change(exchange: Exchange) -> bool:
        exchange.forward()
        file.write_text("second, and longer")
        if pushes == 2:
            proxy.on(ANYTHING, breaking_off)
        exchange.peer.reset()
        return False

    proxy.on(UPLOAD, lose_and_change, times=1)
    ran = project.push()
    if pushes == 2:
        assert ran.exit_code == 3
        proxy.hands_off()
        ran = project.push()
    assert ran.exit_code == 0, ran.text
    assert ran.json["uploaded"] == 1
    assert project.remote() == {"a.csv": b"second, and longer"}


@pytest.mark.usefixtures("hurried")
def test_a_comparison_that_fails_is_tried_again(project: Project, proxy: InterceptingProxy) -> None:
    project.write("a.csv", "same")
    project.put("a.csv", "same")
    proxy.on(DOWNLOAD, answering("500 Internal Server Error"), times=1)
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"]) == (0, 1)


@pytest.mark.usefixtures("hurried")
def test_tags_are_applied_later_when_they_cannot_be_now(
    project: Project, proxy: InterceptingProxy
) -> None:
    project.configure(
        server={"url": proxy.url}, tags=[{"match": "*.csv", "add": ["data"]}], name="main"
    )
    project.write("a.csv")

    def refuse_tags(exchange: Exchange) -> bool:
        exchange.read()
        if b"addTagsToExperiment" in exchange._body:
            exchange.answer("500 Internal Server Error")
            return True
        return exchange.pass_on()

    proxy.on(GRAPHQL, refuse_tags)
    ran = project.push()
    assert ran.exit_code == 3
    assert project.tags() == set()
    proxy.hands_off()
    assert project.pushed()["tags"] == 1
    assert project.tags() == {"data"}
