"""The tasks on an experiment's page."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.embedded import EmbeddedServer
from tests.support.extensions import Tasks, parameter, write_extension
from tests.support.visit import Visit

EVIL = "<script>alert(1)</script>"


def test_tasks_are_shown_with_what_came_of_them(tmp_path: Path) -> None:
    extensions = tmp_path / "extensions"
    write_extension(
        extensions / "fit",
        {"good": 'echo "out: $text"; echo warning >&2', "bad": "echo why >&2; exit 3"},
        parameters=[parameter("text", "str")],
    )
    with (
        EmbeddedServer(tmp_path / "data", extensions=extensions) as server,
        Visit(server.url) as visit,
    ):
        tasks = Tasks(visit, "fit")
        path = f"/experiments/{tasks.experiment['eid']}"
        assert "Tasks" not in visit.http.get(path).text

        tasks.ran("good", text=EVIL)
        tasks.ran("bad", text="x")
        page = visit.http.get(path).text
        assert re.findall(r'class="status (\w+)">(\w+)<', page) == [
            ("bad", "FAILURE"),
            ("good", "SUCCESS"),
        ]
        assert "<bdi>fit</bdi> · <bdi>bad</bdi>" in page
        assert "<dt>Result code</dt><dd>3</dd>" in page
        assert "why\n</pre>" in page
        assert "out: &lt;script&gt;alert(1)&lt;/script&gt;\n</pre>" in page
        assert "<dd><bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi></dd>" in page
        assert "warning\n</pre>" in page
        assert "The newest" not in page

        for _ in range(19):
            tasks.ran("good", text="x")
        page = visit.http.get(path).text
        assert "The newest 20 of 21 tasks." in page
        assert page.count("<details") == 20
        assert EVIL not in page
