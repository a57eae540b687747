"""The example extension, from the order to the plot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.extensions import Tasks
from tests.support.png import decode
from tests.support.visit import Visit

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "extensions"
TOKEN = "a token for this test"
DATA_COLOR = (27, 104, 178)
TEXT_COLOR = (50, 55, 62)
PARABOLA = "x (mm),y\n" + "\n".join(f"{x},{x * x}" for x in range(-10, 11)) + "\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    data = tmp_path_factory.mktemp("example") / "data"
    with EmbeddedServer(data, token=TOKEN, extensions=EXAMPLES) as server:
        yield server


@pytest.fixture
def tasks(server: EmbeddedServer) -> Iterator[Tasks]:
    with Visit(server.url, TOKEN) as visit:
        yield Tasks(visit, "Plot CSV")


def order(tasks: Tasks, content: bytes, **changed: str) -> dict[str, Any]:
    """Run the action on a file, with the manifest's defaults."""
    [extension] = tasks.visit.ask("{extensions {name actions {parameters {name defaultValue}}}}")
    parameters = extension["actions"][0]["parameters"]
    values = {one["name"]: one["defaultValue"] for one in parameters if one["defaultValue"]}
    tasks.visit.put(tasks.experiment["uuid"], "data.csv", content)
    return tasks.ran("plot", **{**values, "csv_file": "data.csv", **changed})


def test_a_plot_is_made(tasks: Tasks) -> None:
    ended = order(tasks, PARABOLA.encode())
    assert ended["stdErr"] == ""
    assert ended["stdOut"] == "21 points of data.csv are drawn in plot.png\n"
    assert ended["taskStatus"] == "SUCCESS"
    assert tasks.visit.names(tasks.experiment["uuid"]) == ["data.csv", "plot.png"]
    picture = decode(tasks.visit.get(tasks.experiment["uuid"], "plot.png"))
    assert (picture.width, picture.height) == (1000, 620)
    blue = picture.places(DATA_COLOR)
    lowest = max(y for _, y in blue)
    bottom = [x for x, y in blue if y > lowest - 4]
    # A parabola: its foot lies in the middle, and both arms reach equally high.
    left, right = min(x for x, _ in blue), max(x for x, _ in blue)
    assert math.isclose((min(bottom) + max(bottom)) / 2, (left + right) / 2, abs_tol=2)
    top = min(y for _, y in blue)
    assert {x > picture.width / 2 for x, y in blue if y < top + 4} == {True, False}
    # Halfway to the side it has risen by a quarter.
    quarter = [y for x, y in blue if abs(x - (left + 3 * (right - left) / 4)) < 2]
    assert math.isclose((lowest - min(quarter)) / (lowest - top), 0.25, abs_tol=0.02)
    # The title, and what the axes are, are written where they belong.
    for x, y, width, height in ((300, 10, 400, 28), (300, 588, 400, 28), (10, 150, 28, 300)):
        seen = {picture.at(x + dx, y + dy) for dx in range(width) for dy in range(height)}
        assert TEXT_COLOR in seen


def test_columns_are_chosen_and_rows_without_numbers_left_out(tasks: Tasks) -> None:
    content = b'zeit;"U; gemessen";I\n1;x;2\n2;3;\n3;nan;4\n4;7;5\n5;8;6;9\n'
    ended = order(tasks, content, x_column="I", y_column="2", style="points", plot_file="µ.png")
    assert ended["stdOut"].splitlines() == [
        "rows without numbers in these columns, which are left out: 3",
        "2 points of data.csv are drawn in µ.png",
    ]
    picture = decode(tasks.visit.get(tasks.experiment["uuid"], "µ.png"))
    # Two points and no line between them.
    assert len({x // 100 for x, _ in picture.places(DATA_COLOR)}) == 2


@pytest.mark.parametrize(
    ("content", "changed", "reason"),
    [
        (b"a,b\n1,2\n", {"y_column": "c"}, "there is no column c; there are: a, b"),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (
                (b"", {}, "the file is empty"),
                (b"a,b\nc,d\n", {}, "there are no numbers in these columns"),
                (b"1,2\n", {"y_column": "3"}, "there is no column 3; there are: 1 to 2"),
                (b"1,2\n", {"plot_file": "a/b"}, "HTTP Error 400"),
            )
        ),
    ],
)
def test_what_cannot_be_plotted(
    tasks: Tasks, content: bytes, changed: dict[str, str], reason: str
) -> None:
    ended = order(tasks, content, **changed)
    assert (ended["taskStatus"], ended["resultCode"]) == ("FAILURE", 1)
    assert ended["stdErr"].startswith("data.csv cannot be plotted: ")
    assert reason in ended["stdErr"]
    assert tasks.visit.names(tasks.experiment["uuid"]) == ["data.csv"]


@pytest.mark.long
@pytest.mark.parametrize("content", [b"5,5\n", b"0,0\n0,0\n", b"1e-300,1e300\n-1e-300,-1e300\n"])
def test_odd_ranges(tasks: Tasks, content: bytes) -> None:
    ended = order(tasks, content)
    assert ended["stdErr"] == ""
    picture = decode(tasks.visit.get(tasks.experiment["uuid"], "plot.png"))
    assert picture.places(DATA_COLOR)
