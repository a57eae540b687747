"""The page about the Python API, made from its docstrings."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping

import aqsync
from aqsync import errors
from aqsync.aqueduct import experiment_file, extension_data, records, tree_moves
from docs.docstrings import Member, field_docs, parsed, public_members

CLASSES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        aqsync.API,
        aqsync.Experiment,
        experiment_file.ExperimentFile,
        tree_moves.TreeReport,
        aqsync.Extension,
        aqsync.ExtensionAction,
        extension_data.ExtensionParameterData,
        extension_data.ExtensionActionData,
        extension_data.ExtensionExecutionResultData,
        aqsync.Task,
        records.TaskStatus,
        extension_data.ParameterData,
    )
}
_NUMBERS = {"PositiveInt": "int, 1 or more", "NonNegativeInt": "int, 0 or more"}
_ALIASES = {
    "RemoteName": "str | tuple[str, datetime]",
    "Progress": "Callable[[int, int | None], object]",
    "TaskProgress": "Callable[[TaskStatus, float], object]",
}

INTRODUCTION = """\
`from aqsync import API` is the way to a server from scripts and notebooks:

```python
from aqsync import API

with API("http://127.0.0.1:8000", timeout=5) as api:
    experiment = api.create_experiment("Cooldown 7", "fridge 1")
    experiment.upload_file("iq.csv")
    for found in api.iterate_experiments("cooldown"):
        print(found.eid, found.title, found.tags)
```

A script written for pyaqueduct runs after its imports are changed: `aqsync` or `aqsync.aqueduct`
for `pyaqueduct`. All objects may be shared between threads."""


def api_page(made_by: str) -> str:
    """Every class with its methods and attributes, and what they raise."""
    lines = ["# Python API", "", made_by, "", INTRODUCTION, ""]
    for name, kind in CLASSES.items():
        lines += [f"## {name}", "", *_class(kind)]
    lines += ["## Errors", "", *_errors()]
    return "\n".join(lines).rstrip() + "\n"


def _class(kind: type) -> Iterator[str]:
    doc = parsed(inspect.getdoc(kind) or "")
    yield from (_prose(doc.text), "")
    if issubclass(kind, enum.Enum):
        yield from _table("value | meaning", _values(kind))
    if doc.args:
        signature = inspect.signature(kind)
        yield from _parameters(signature.parameters.values(), doc.args)
    yield from _raises(doc.raises)
    members = public_members(kind).values()
    yield from _attributes([each for each in members if each.kind != "method"])
    for method in members:
        if method.kind == "method":
            yield from _method(kind.__name__, method)


def _values(kind: type[enum.Enum]) -> Iterator[str]:
    meanings = dict(field_docs(kind))
    for value in kind:
        yield f"`{value.value}` | {_cell(meanings[value.name])}"


def _attributes(attributes: Iterable[Member]) -> Iterator[str]:
    yield from _table(
        "attribute | type | meaning",
        (
            f"`{each.name}`{', writable' if each.writable else ''} | {_type(each.type)}"
            f" | {_cell(parsed(each.doc).text)}"
            for each in attributes
        ),
    )


def _method(owner: str, method: Member) -> Iterator[str]:
    doc = parsed(method.doc)
    yield from (f"### {owner}.{method.name}", "", _prose(doc.text), "")
    yield from _parameters(method.parameters.values(), doc.args)
    if doc.returns:
        yield from (f"Returns {_type(method.type)}: {_prose(doc.returns)}", "")
    yield from _raises(doc.raises)


def _parameters(
    parameters: Iterable[inspect.Parameter], meanings: Mapping[str, str]
) -> Iterator[str]:
    rows = []
    for each in parameters:
        by_name = ", by name only" if each.kind is inspect.Parameter.KEYWORD_ONLY else ""
        default = "required" if each.default is inspect.Parameter.empty else f"`{each.default!r}`"
        rows.append(
            f"`{each.name}`{by_name} | {_type(str(each.annotation))} | {default}"
            f" | {_cell(meanings[each.name])}"
        )
    yield from _table("parameter | type | default | meaning", rows)


def _raises(raises: Mapping[str, str]) -> Iterator[str]:
    yield from _table(
        "raises | when",
        (
            f"{', '.join(f'`{name}`' for name in names.split(', '))} | {_cell(when)}"
            for names, when in raises.items()
        ),
    )


def _errors() -> Iterator[str]:
    yield "All errors stand below `aqsync.errors.AqsyncError`; [errors.md](errors.md) has the tree."
    yield "Each has a `message`, and a `hint` that says what to do."
    yield ""
    about_old_names = (errors.__doc__ or "").split("\n\n")[-1]
    yield from (_prose(about_old_names.strip()), "")


def _table(head: str, rows: Iterable[str]) -> Iterator[str]:
    rows = list(rows)
    if rows:
        yield f"| {head} |"
        yield "|" + "---|" * (head.count("|") + 1)
        yield from (f"| {row} |" for row in rows)
        yield ""


def _type(annotation: str) -> str:
    shown = _NUMBERS.get(annotation, annotation)
    for name, meaning in _ALIASES.items():
        shown = re.sub(rf"\b{name}\b", meaning, shown)
    return "`" + shown.replace("|", "\\|") + "`"


def _prose(text: str) -> str:
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return " ".join(_prose(text).replace("|", "\\|").split())
