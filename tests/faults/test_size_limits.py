"""Files that are larger than the server, or a proxy before it, takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import UPLOAD, Exchange, InterceptingProxy
from tests.support.project import Project, run

MOST = 100_000
HTML = b"<html><head><title>413 Request Entity Too Large</title></head><body>nginx</body></html>"


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Project]:
    """A server that takes files of 100,000 bytes, and somebody between who counts uploads."""
    with EmbeddedServer(tmp_path / "data", max_file_bytes=MOST) as server:
        project = Project(tmp_path / "user", server.url)
        yield project
        project.close()


@pytest.fixture
def between(narrow: Project) -> Iterator[InterceptingProxy]:
    with InterceptingProxy(narrow.url) as proxy:
        narrow.configure(server={"url": proxy.url})
        yield proxy


def with_a_limit(most: int) -> object:
    """A proxy with a limit of its own, told by nobody."""

    def reaction(exchange: Exchange) -> bool | None:
        if exchange.length > most:
            exchange.answer("413 Request Entity Too Large", HTML, "content-type: text/html")
            return None
        return exchange.pass_on()

    return reaction


def test_a_file_that_is_put_there_is_told_with_both_sizes(narrow: Project) -> None:
    file = narrow.write("large.bin", bytes(MOST + 1))
    ran = run("files", "put", narrow.eid, file, "--url", narrow.url)
    sizes = f"{MOST + 1} bytes, and the server takes at most {MOST}"
    told = f"upload of 'large.bin' to experiment {narrow.eid}: too large: {sizes}"
    assert (ran.exit_code, told in ran.err) == (1, True), ran.text


def test_a_named_limit_is_remembered(narrow: Project, between: InterceptingProxy) -> None:
    file = narrow.write("large.bin", bytes(MOST + 1))
    narrow.write("exact.bin", bytes(MOST))
    ran = narrow.push()
    assert ran.exit_code == 1
    assert (ran.json["uploaded"], ran.json["held"]) == (1, 1)
    [problem] = ran.json["problems"]
    assert problem["path"] == str(file)
    sizes = f"{MOST + 1} bytes, and the server takes at most {MOST}"
    assert problem["reason"] == f"too large for experiment {narrow.eid}: {sizes}"
    assert "split the file, or have the server's limit raised" in problem["hint"]
    assert "`aqsync retry PATH` tries again" in problem["hint"]

    between.uploads.clear()
    file.write_bytes(bytes(MOST + 2))
    another = narrow.write("another.bin", bytes(2 * MOST))
    held = narrow.push()
    assert held.json["held"] == 2
    assert between.uploads == [], "what cannot be accepted is not sent"
    assert f"{2 * MOST} bytes" in held.problems()[str(another)]["reason"]
    assert f"{MOST + 2} bytes" in held.problems()[str(file)]["reason"]
    comes = narrow.run("why", another, "--json").json["next"]
    assert comes == "it is tried again in 24 h", "not by the next push"

    told = narrow.run("why", another).out
    assert "tried again in 24 h" in told
    assert "push" not in told, "the next push does not try it"

    file.write_bytes(bytes(MOST - 1))
    assert narrow.push().json["uploaded"] == 1
    assert narrow.run("retry", another).exit_code == 0
    between.uploads.clear()
    assert narrow.push().json["held"] == 1
    assert between.uploads == ["another.bin"], "`retry` tries it, once"
    between.uploads.clear()
    narrow.push()
    assert between.uploads == []


def test_a_limit_of_a_proxy_is_remembered_and_forgotten(
    project: Project, proxy: InterceptingProxy
) -> None:
    for size in (70_000, 60_000, 10_000):
        project.write(f"{size}.bin", bytes(size))
    proxy.on(UPLOAD, with_a_limit(50_000))  # type: ignore[arg-type]
    ran = project.push()
    assert (ran.json["uploaded"], ran.json["held"]) == (1, 2)
    reasons = [problem["reason"] for problem in ran.json["problems"]]
    assert all("the server takes fewer than" in reason for reason in reasons)
    assert all("too large (413)" in reason for reason in reasons)
    proxy.uploads.clear()
    project.write("80000.bin", bytes(80_000))
    project.write("20000.bin", bytes(20_000))
    assert project.push().json["held"] == 3
    assert proxy.uploads == ["20000.bin"]

    proxy.hands_off()
    project.run("retry", project.root / "70000.bin")
    assert project.pushed()["uploaded"] == 3, "one that is accepted ends the limit"


def test_a_larger_limit_is_found_within_a_day(
    project: Project, proxy: InterceptingProxy, hurried: list[float]
) -> None:
    for size in (70_000, 60_000, 80_000):
        project.write(f"{size}.bin", bytes(size))
    proxy.on(UPLOAD, with_a_limit(50_000))  # type: ignore[arg-type]
    assert project.push().json["held"] == 3
    proxy.uploads.clear()
    hurried.append(25 * 3600.0)
    assert project.push().json["held"] == 3
    assert len(proxy.uploads) == 1, "one file finds out"
    proxy.hands_off()
    assert project.push().json["held"] == 3
    hurried.append(25 * 3600.0)
    assert project.pushed()["uploaded"] == 3
