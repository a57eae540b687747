"""From a module's source to all its mutants: the same source with one small mistake each."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
Change = tuple[ast.AST, ast.AST]
"""What stands there, and what stands there instead."""


@dataclass(frozen=True)
class Mutant:
    """A module with one mistake."""

    line: int
    where: str
    """The line, without its indentation."""
    before: str
    """The changed part as it was, as Python."""
    after: str
    source: str

    @property
    def change(self) -> str:
        return f"{self.where}  |  {self.before}  =>  {self.after}"


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    tree, lines = ast.parse(source), source.splitlines()
    places = sorted(_places(tree), key=lambda place: place[0].lineno)
    for node, make in places:
        changed = copy.deepcopy(tree)
        # The copy is walked in the same order: the same number is the same node.
        number = next(n for n, each in enumerate(ast.walk(tree)) if each is node)
        twin = next(each for n, each in enumerate(ast.walk(changed)) if n == number)
        new = ast.copy_location(make(twin), twin)
        _Replacing(twin, new).visit(changed)
        after = ast.unparse(ast.fix_missing_locations(changed))
        where = lines[node.lineno - 1].strip()
        yield Mutant(node.lineno, where, _short(node), _short(new), after)


def _short(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


class _Replacing(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return self._new
        return self.generic_visit(node)


Make = Callable[[ast.AST], ast.AST]
Place = tuple[ast.expr | ast.stmt, Make]


def _places(tree: ast.Module) -> Iterator[Place]:
    """Each node that can be wrong, with how."""
    told = _told(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt) and id(node) not in told:
            for make in _mistakes(node):
                yield node, make


def _told(tree: ast.Module) -> set[int]:
    """Nodes that do nothing: docstrings, types, and all that stands in them."""
    found: set[int] = set()
    for node in ast.walk(tree):
        silent: list[ast.AST | None] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.append(node)
        if isinstance(node, ast.AnnAssign | ast.arg):
            silent.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            silent.append(node.returns)
            silent += node.decorator_list
        if isinstance(node, ast.Assert):
            silent.append(node)
        found |= {id(each) for top in silent if top is not None for each in ast.walk(top)}
    return found


def _mistakes(node: ast.expr | ast.stmt) -> Iterator[Make]:
    """What may be wrong with a node, by its kind."""
    yield from _of_operators(node)
    if isinstance(node, ast.Constant):
        yield from _of_constants(node.value)
    else:
        yield from _of_statements(node)


def _of_operators(node: ast.expr | ast.stmt) -> Iterator[Make]:
    match node:
        case ast.Compare(ops=[op]):
            compared = COMPARISONS[type(op)]()
            yield lambda n: _with(n, ops=[compared])
        case ast.BoolOp(op=joined, values=values):
            other = ast.Or() if isinstance(joined, ast.And) else ast.And()
            yield lambda n: _with(n, op=other)
            yield from (partial(_without, left_out=at) for at in range(len(values)))
        case ast.UnaryOp(op=ast.Not()):
            yield lambda n: n.operand  # type: ignore[attr-defined]  # it is one
        case ast.BinOp() | ast.AugAssign() if type(node.op) in ARITHMETIC:
            counted = ARITHMETIC[type(node.op)]()
            yield lambda n: _with(n, op=counted)


def _of_constants(value: object) -> Iterator[Make]:
    wrong: object = None
    if isinstance(value, bool):
        wrong = not value
    elif isinstance(value, int | float):
        wrong = value + 1
    elif isinstance(value, str):
        wrong = f"{value}X"
    elif isinstance(value, bytes):
        wrong = value + b"X"
    if wrong is not None:
        yield lambda _: ast.Constant(wrong)  # type: ignore[arg-type]  # any of these


def _of_statements(node: ast.expr | ast.stmt) -> Iterator[Make]:
    match node:
        case ast.If() | ast.IfExp():
            yield lambda n: _with(n, test=ast.Constant(value=True))
            yield lambda n: _with(n, test=ast.Constant(value=False))
        case ast.While():
            yield lambda n: _with(n, test=ast.Constant(value=True))
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield lambda n: _with(n, value=ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Raise():
            yield lambda _: ast.Pass()
        case ast.Break():
            yield lambda _: ast.Continue()
        case ast.Continue():
            yield lambda _: ast.Break()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _without(node: ast.AST, *, left_out: int) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    rest = [value for at, value in enumerate(node.values) if at != left_out]
    return rest[0] if len(rest) == 1 else _with(node, values=rest)
