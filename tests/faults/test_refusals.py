"""403 from a real server's front, met by the real command."""

from __future__ import annotations

import pytest

from tests.support.intercepting_proxy import (
    UPLOAD,
    Exchange,
    InterceptingProxy,
    Reaction,
    answering,
)
from tests.support.project import Project

NO = answering("403 Forbidden", b'{"detail": "no"}')


def refusing(*beginnings: str) -> Reaction:
    """Refuses the files whose names begin so."""

    def reaction(exchange: Exchange) -> bool | None:
        refused = exchange.file_name.startswith(beginnings)
        return NO(exchange) if refused else exchange.pass_on()

    return reaction


@pytest.mark.usefixtures("hurried")
def test_one_file_that_is_refused_stops_no_other(
    project: Project, proxy: InterceptingProxy
) -> None:
    contents = project.write_some(40)
    proxy.on(UPLOAD, refusing("7.csv"))
    ran = project.push()
    assert ran.exit_code == 1
    assert ran.json["server"] is None
    assert (ran.json["uploaded"], ran.json["failed"]) == (39, 1)
    [problem] = ran.json["problems"]
    assert problem["path"] == str(project.root / "7.csv")
    assert "the server does not allow this" in problem["reason"]
    assert proxy.uploads.count("7.csv") == 3
    proxy.hands_off()
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == contents


@pytest.mark.usefixtures("hurried")
def test_an_experiment_that_is_refused_stops_no_other(
    project: Project, proxy: InterceptingProxy
) -> None:
    other_root = project.folder / "other"
    second = project.server.create_experiment("second", "")
    project.configure(
        {"name": "other", "directory": str(other_root), "experiment": second.eid, "prefix": "o"},
        server={"url": proxy.url},
        prefix="m",
    )
    for number in range(60):
        project.write(f"{number}.csv", f"m{number}")
        project.write(f"{number}.csv", f"o{number}", under=other_root)
    proxy.on(UPLOAD, refusing("o~"))
    ran = project.push()
    assert ran.exit_code == 1
    assert ran.json["server"] is None
    assert len(project.remote_names()) == 60
    assert len([name for name in proxy.uploads if name.startswith("o~")]) < 25
    reasons = [problem["reason"] for problem in ran.json["problems"]]
    [shared] = [reason for reason in reasons if "files failed: " in reason]
    assert f"the server allows no uploads for experiment {second.eid}" in shared
    proxy.hands_off()
    assert project.pushed()["uploaded"] == 60


@pytest.mark.usefixtures("hurried")
def test_a_token_that_may_not_send_anything(project: Project, proxy: InterceptingProxy) -> None:
    contents = project.write_some(60)
    proxy.on(UPLOAD, NO)
    ran = project.run("push")
    assert ran.exit_code == 3
    [error] = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert "the server allows no uploads with this token" in error
    assert len(proxy.uploads) < 25
    status = project.run("status")
    assert "the server has not been usable" in status.out
    assert "with this token" in status.out
    proxy.hands_off()
    project.pushed()
    assert project.remote() == contents
    assert "has not been usable" not in project.run("status").out
