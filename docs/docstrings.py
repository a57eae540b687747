"""What the docstrings of a class say, in pieces."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import ForwardRef, NamedTuple

_SECTION = re.compile(
    r"^(Args|Returns|Yields|Raises|Attributes):\n((?:    .*\n|\n)*)", re.MULTILINE
)
_ENTRY = re.compile(r"^(\S[^:\n]*): ((?:.*\n)(?:    .*\n|\n(?=    ))*)", re.MULTILINE)


class Docstring(NamedTuple):
    """A docstring in Google's style."""

    text: str
    """What stands before the sections."""
    args: Mapping[str, str]
    """Meanings by name."""
    returns: str
    """What a function returns, or yields."""
    raises: Mapping[str, str]
    """When, by error; several errors may share an entry."""


class Member(NamedTuple):
    """A public method, property or field of a class."""

    name: str
    kind: str
    """``method``, ``property`` or ``field``."""
    doc: str
    type: str
    """Of a property or field: its type; of a method: what it returns."""
    parameters: Mapping[str, inspect.Parameter]
    """Of a method, without ``self``."""
    writable: bool = False
    """Whether a property may be set."""


def parsed(doc: str) -> Docstring:
    """Take a docstring apart."""
    doc = inspect.cleandoc(doc) + "\n"
    sections = {name: textwrap.dedent(body) for name, body in _SECTION.findall(doc)}
    text = _SECTION.sub("", doc)
    return Docstring(
        text.strip(),
        _entries(sections.get("Args", "")),
        _joined(sections.get("Returns") or sections.get("Yields") or ""),
        _entries(sections.get("Raises", "")),
    )


def public_members(kind: type) -> dict[str, Member]:
    """Return what of a class is meant for its users, fields first, else in order of definition."""
    documented = dict(field_docs(kind))
    annotations = kind.__annotations__
    members = {
        name: Member(name, "field", documented.get(name, ""), _written(annotations[name]), {})
        for name in annotations
        if not name.startswith("_")
    }
    for name, value in vars(kind).items():
        if name.startswith(("_", "model_")) or name in members:
            continue
        if isinstance(value, property):
            getter = value.fget
            members[name] = Member(
                name,
                "property",
                inspect.getdoc(getter) or "",
                str(inspect.get_annotations(inspect.unwrap(getter))["return"]) if getter else "",
                {},
                value.fset is not None,
            )
        elif inspect.isfunction(inspect.unwrap(value)):
            signature = inspect.signature(value)
            parameters = dict(list(signature.parameters.items())[1:])
            returned = str(signature.return_annotation)
            doc = inspect.getdoc(value) or ""
            members[name] = Member(name, "method", doc, returned, parameters)
    return members


def field_docs(kind: type) -> Iterator[tuple[str, str]]:
    """Find the texts that stand below fields; Python itself forgets them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    for field, text in pairwise(body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(doc))),
            ):
                yield name, _joined(inspect.cleandoc(doc))
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(doc))),
            ):
                yield name, _joined(inspect.cleandoc(doc))


def _written(annotation: str | ForwardRef) -> str:
    """An annotation as it is written; a named tuple keeps it wrapped."""
    return annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else str(annotation)


def _entries(section: str) -> dict[str, str]:
    return {name: _joined(text) for name, text in _ENTRY.findall(section)}


def _joined(text: str) -> str:
    return " ".join(text.split())
