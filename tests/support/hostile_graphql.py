"""GraphQL operations as an attacker or a broken client might send them, from the schema."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)
from hypothesis import strategies as st

UUID_MARK = "00000000-feed-4000-8000-000000000000"
EID_MARK = "20010101-999999"
"""Stand for an experiment that there is, and are replaced just before the request is sent."""

TEXTS = [
    "",
    "a",
    "__archived__",
    UUID_MARK,
    EID_MARK,
    "00000000-0000-0000-0000-000000000000",
    "{00000000000000000000000000000000}",
    "%",
    "_",
    "' OR 1=1 --",
    "../../catalog.db",
    "\0",
    "a\0b",
    "\u202e",
    "😀",
    "ß" * 300,
    "x" * 100_000,
    "2026-11-23T10:11:45.826756+00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-14:00",
    "2026-02-30",
    "24:00",
    "E",
    "a",
    "t",
    "experiment",
]
_LITERALS = [
    "null",
    "true",
    "-1",
    "0",
    "1",
    "501",
    "2147483647",
    "2147483648",
    "-99999999999999999999999999",
    "1" * 5000,
    "1e999",
    "-0.0",
    '"\\u0000"',
    '"\\ud800"',
    '"\\u{110000}"',
    '"""block\n"""',
    "UUID",
    "EID",
    "NOTHING",
    "$variable",
    "$missing",
    "{}",
    "[]",
    "[[]]",
    "[null]",
    '[["experiment", "x"], ["x"], []]',
    "{a: {a: {a: {}}}}",
    "[" * 200 + "]" * 200,
]
_FITTING = {
    "UUID": [UUID_MARK, UUID_MARK, "00000000-0000-0000-0000-000000000000", "0" * 32],
    "DateTime": [
        "2026-11-23T10:11:45.826756+00:00",
        "2026-11-23",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999-14:00",
    ],
}
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(TEXTS)
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_GIVEN = st.fixed_dictionaries(
    {"variable": st.sampled_from(TEXTS) | _JSON, "flag": st.booleans() | _JSON}
)
_VARIABLES = ["$variable: String", "$flag: Boolean = false"]
_DIRECTIVES = ["", "", "", " @include(if: true)", " @skip(if: true)", " @skip(if: $flag)"]
_ODD_DIRECTIVES = [" @skip", " @nothing(a: 1)", " @include(if: 7)", ' @deprecated(reason: "x")']


def _once_in(draw: st.DrawFn, times: int) -> bool:
    """Hypothesis likes the ends of a range: its middle is rare."""
    return draw(st.integers(0, times)) == times // 2


def quoted(text: str) -> str:
    """Write a text as a GraphQL literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.replace("\0", "\\u0000") + '"'


@st.composite
def literals(draw: st.DrawFn, kind: GraphQLInputType, depth: int = 3) -> str:
    """A value that mostly fits its type."""
    if _once_in(draw, 40):
        return draw(st.sampled_from(_LITERALS))
    match kind:
        case GraphQLNonNull():
            return draw(literals(kind.of_type, depth))
        case GraphQLList():
            inner = draw(st.lists(literals(kind.of_type, depth - 1), max_size=3))
            return f"[{', '.join(inner)}]"
        case GraphQLInputObjectType() if kind.name == "ExecuteExtensionInput" and draw(
            st.booleans()
        ):
            # No luck would find the names that belong together.
            text = quoted(draw(st.sampled_from(TEXTS) | st.text(max_size=20)))
            return (
                f'{{experimentUuid: "{UUID_MARK}", extension: "E", action: "a",'
                f' params: [["experiment", "{EID_MARK}"], ["t", {text}]]}}'
            )
        case GraphQLInputObjectType() if depth > 0:
            fields = [
                f"{name}: {draw(literals(field.type, depth - 1))}"
                for name, field in kind.fields.items()
                if isinstance(field.type, GraphQLNonNull) or draw(st.booleans())
            ]
            return f"{{{', '.join(fields)}}}"
        case GraphQLEnumType():
            return str(draw(st.sampled_from(sorted(kind.values))))
        case _ if str(kind) in {"Int", "Boolean"}:
            truths = st.sampled_from(["true", "false"])
            return draw(truths if str(kind) == "Boolean" else st.integers(-1, 12).map(str))
        case _ if str(kind) in _FITTING and not _once_in(draw, 20):
            return quoted(draw(st.sampled_from(_FITTING[str(kind)])))
        case _:
            return quoted(draw(st.sampled_from(TEXTS) | st.text(max_size=20)))


@st.composite
def selections(draw: st.DrawFn, kind: GraphQLObjectType, depth: int) -> str:
    """Fields of a type, with all that can be said about them."""
    parts: list[str] = []
    for name in draw(st.lists(st.sampled_from(sorted(kind.fields)), min_size=1, max_size=3)):
        field = kind.fields[name]
        arguments = [
            f"{key}: {draw(literals(argument.type))}"
            for key, argument in field.args.items()
            if isinstance(argument.type, GraphQLNonNull) or draw(st.booleans())
        ]
        given = f"({', '.join(arguments)})" if arguments else ""
        named = get_named_type(field.type)
        inner = ""
        if isinstance(named, GraphQLObjectType):
            below = draw(selections(named, depth - 1)) if depth > 0 else "__typename"
            inner = f" {{{below}}}"
        # Without one, the same field with other arguments is refused.
        alias = f"{name}{len(parts)}: " if not _once_in(draw, 10) else ""
        directive = draw(st.sampled_from(_DIRECTIVES))
        if _once_in(draw, 31):
            directive = draw(st.sampled_from(_ODD_DIRECTIVES))
        parts.append(f"{alias}{name}{given}{directive}{inner}")
    if _once_in(draw, 40):
        parts.append(
            f"... on {kind.name} {{{draw(selections(kind, depth - 1))}}}" if depth > 0 else ""
        )
    if _once_in(draw, 40):
        parts.append(draw(st.sampled_from(["__typename", "...F", "nothing", "... {__typename}"])))
    return " ".join(parts)


@st.composite
def operations(draw: st.DrawFn, schema: GraphQLSchema) -> dict[str, Any]:
    """The body of a request."""
    root = draw(st.sampled_from(["query", "mutation"]))
    kind = schema.query_type if root == "query" else schema.mutation_type
    assert kind is not None
    fields = draw(selections(kind, draw(st.integers(0, 6))))
    declared = [text for text in _VARIABLES if text.split(":")[0] in fields]
    variables = f"({', '.join(declared)})" if declared else ""
    query = f"{root} Q{variables} {{{fields}}}"
    if "...F" in query or _once_in(draw, 61):
        query += draw(
            st.sampled_from(
                [
                    f" fragment F on {kind.name} {{__typename}}",
                    f" fragment F on {kind.name} {{...F}}",
                    f" fragment F on {kind.name} {{...G}} fragment G on {kind.name} {{...F}}",
                    " fragment F on Nothing {x}",
                ]
            )
        )
    if _once_in(draw, 6):
        query = draw(mutated(query))
    body: dict[str, Any] = {"query": query}
    if draw(st.booleans()):
        body["variables"] = draw(_GIVEN | _GIVEN | _JSON)
    if _once_in(draw, 10):
        body["operationName"] = draw(st.sampled_from(["Q", "Q", "R", ""]) | _JSON)
    return body


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """A text with a few things cut out, doubled or put in."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        piece = draw(
            st.sampled_from(
                ["", text[start:end] * 2, "{", "}", "(", ")", '"', "\\", "\0", "...", "#"]
            )
            | st.text(max_size=3)
        )
        text = text[:start] + piece + text[end:]
    return text
