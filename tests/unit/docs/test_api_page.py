"""The page about the Python API is complete: it says all that users of the API need."""

from __future__ import annotations

import inspect
import re

import pytest

from aqsync import errors
from aqsync.aqueduct import graphql, task_queries
from docs.api_page import CLASSES, api_page
from docs.docstrings import Member, field_docs, parsed, public_members
from docs.generate import COMMAND, REFERENCE, pages

MEMBERS = [(kind, member) for kind in CLASSES.values() for member in public_members(kind).values()]
METHODS = [(kind, member) for kind, member in MEMBERS if member.kind == "method"]
LOCAL = {  # what does not ask the server
    "API": {"close", "url", "timeout"},
    "ExperimentFile": {"name", "uploaded_at"},
    "ExtensionAction": {"name", "description", "experiment_variable_name"},
    "Task": {"taskStatus"},
    "TaskStatus": {"ended"},
}


def named(part: object) -> str | None:
    """Show a test's parameters by their names."""
    return part.__name__ if isinstance(part, type) else getattr(part, "name", None)


def page() -> str:
    return (REFERENCE / "api.md").read_text()


def test_the_page_is_up_to_date() -> None:
    assert page() == pages()["api.md"], f"run: {COMMAND}"


@pytest.mark.parametrize(("kind", "member"), MEMBERS, ids=named)
def test_everything_public_is_described(kind: type, member: Member) -> None:
    heading, _, rest = page().partition(f"## {kind.__name__}\n")
    section = rest.split("\n## ")[0]
    assert heading
    assert parsed(member.doc).text, "it has no docstring"
    shown = (
        f"### {kind.__name__}.{member.name}\n" if member.kind == "method" else f"`{member.name}`"
    )
    assert shown in section
    assert member.type not in {"", "Any"}


@pytest.mark.parametrize(("kind", "method"), METHODS, ids=named)
def test_every_parameter_and_result_is_described(kind: type, method: Member) -> None:
    doc = parsed(method.doc)
    assert list(doc.args) == list(method.parameters), f"{kind.__name__}: another order, or gaps"
    assert all(doc.args.values())
    assert bool(doc.returns) == (method.type != "None")


@pytest.mark.parametrize(("kind", "member"), MEMBERS, ids=named)
def test_what_talks_to_the_server_says_how(kind: type, member: Member) -> None:
    silent = member.kind == "field" or member.name in LOCAL.get(kind.__name__, set())
    assert ("Server operation: ``" in member.doc) != silent


def test_a_server_operation_named_is_one() -> None:
    questions = [
        value
        for module in (graphql, task_queries)
        for value in vars(module).values()
        if isinstance(value, str)
    ]
    known = " ".join([*questions, str(graphql.experiments_query("EID", ["x"])["query"])])
    operations = {
        name
        for _, member in MEMBERS
        for line in re.findall(r"Server operation: (.*)", member.doc)
        for name in re.findall(r"``([^`]+)``", line)
    }
    assert "createExperiment" in operations
    for name in operations:
        assert (
            name.startswith(("GET /api/files", "POST /api/files"))
            or f"{name}(" in known
            or (f"{name} {{" in known)
        ), name


@pytest.mark.parametrize(("kind", "member"), MEMBERS, ids=named)
def test_every_error_named_is_one(kind: type, member: Member) -> None:
    names = [*parsed(member.doc).raises, *parsed(inspect.getdoc(kind) or "").raises]
    for name in ", ".join(names).split(", ") if names else []:
        assert issubclass(getattr(errors, name), errors.AqsyncError)


@pytest.mark.parametrize("kind", CLASSES.values(), ids=named)
def test_every_field_has_its_text(kind: type) -> None:
    fields = [each.name for each in public_members(kind).values() if each.kind == "field"]
    assert set(fields) <= dict(field_docs(kind)).keys()


def test_the_page_tells_of_the_old_names() -> None:
    for name in ("PyAqueductError", "ForbiddenError", "UnAuthorizedError", "FileUploadError"):
        assert f"`{name}`" in page()


def test_a_docstring_comes_apart() -> None:
    found = parsed(
        """Do it.

        At once.

        Args:
            first: What
                it is.
            second: Another: thing.

        Returns:
            What was
            done.

        Raises:
            OneError, OtherError: It
                failed.
        """
    )
    assert found.text == "Do it.\n\nAt once."
    assert found.args == {"first": "What it is.", "second": "Another: thing."}
    assert found.returns == "What was done."
    assert found.raises == {"OneError, OtherError": "It failed."}


def test_the_page_is_made_of_whole_tables() -> None:
    for line in api_page("").splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
