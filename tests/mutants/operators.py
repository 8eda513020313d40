"""One small change at a time to a module's syntax tree: the errors that a person makes in arithmetic and logic.

What is only words is left as it is: strings, what is raised, annotations, decorators; and what guards an invariant
instead of deciding a number: assertions and `zip`'s `strict`.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

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
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
TWINS = {"min": "max", "minimum": "maximum", "any": "all", "floor": "ceil"}
TWINS |= {after: before for before, after in TWINS.items()}

_WORDS = (ast.JoinedStr, ast.Raise, ast.Assert)
_WORD_FIELDS = {"annotation", "returns", "decorator_list", "bases"}
_OWN_CHANGES = (ast.Compare, ast.BoolOp, ast.UnaryOp)  # a condition of this kind is changed as such


@dataclass(frozen=True)
class Mutant:
    """A change: where it is, and the statement before and after."""

    function: str
    line: int
    old: str
    new: str


@dataclass(frozen=True)
class _Place:
    """A node, and how to put another in its stead."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    function: str
    statement: ast.stmt

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants(source: str) -> Iterator[tuple[Mutant, ast.Module]]:
    """Yield every change with the whole tree, which bears the change until the next is asked for."""
    tree = ast.parse(source)
    for place in list(_places(tree, "", None)):
        for variant in _variants(place):
            old, before = _header(place.statement), ast.unparse(place.node)
            place.put(ast.copy_location(variant, place.node))
            new, after = _header(place.statement), ast.unparse(variant)
            line = getattr(place.node, "lineno", place.statement.lineno)
            yield Mutant(place.function, line, *((before, after) if old == new else (old, new))), tree
            place.put(place.node)


def _places(node: ast.AST, function: str, statement: ast.stmt | None) -> Iterator[_Place]:
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or field in _WORD_FIELDS or _is_words(child):
                continue
            inside = child if isinstance(child, ast.stmt) else statement
            assert inside is not None
            yield _Place(node, field, index, child, function, inside)
            yield from _places(child, _within(function, child), inside)


def _within(function: str, node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return f"{function}.{node.name}".lstrip(".")
    return function


def _is_words(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "__all__"
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, _WORDS) or (isinstance(node, ast.keyword) and node.arg == "strict")


def _variants(place: _Place) -> Iterator[ast.AST]:  # noqa: C901 - one case for each kind of node
    node = place.node
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                yield _with(node, ops=[*node.ops[:index], COMPARISONS[type(operator)](), *node.ops[index + 1 :]])
        case ast.BinOp() | ast.AugAssign() if type(node.op) in ARITHMETIC and not _of_text(node):
            yield _with(node, op=ARITHMETIC[type(node.op)]())
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Name(id=name) if name in TWINS and place.field == "func":
            yield _with(node, id=TWINS[name])
        case ast.Attribute(attr=name) if name in TWINS and place.field == "func":
            yield _with(node, attr=TWINS[name])
        case ast.expr() if isinstance(place.parent, ast.Slice) and place.field != "step":
            yield ast.BinOp(node, ast.Add(), ast.Constant(1))
    if isinstance(node, ast.expr) and place.field in {"test", "ifs"} and not isinstance(node, _OWN_CHANGES):
        yield ast.UnaryOp(ast.Not(), node)


def _with(node: ast.AST, **changes: object) -> ast.AST:
    changed = copy.copy(node)
    for field, value in changes.items():
        setattr(changed, field, value)
    return changed


def _of_text(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether an operand is text or a list, of which a changed operator would make an error that any test sees."""
    operands = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    return any(
        isinstance(operand, ast.JoinedStr | ast.List)
        or (isinstance(operand, ast.Constant) and isinstance(operand.value, str))
        for operand in operands
    )


def _header(statement: ast.stmt) -> str:
    return next(line for line in ast.unparse(statement).splitlines() if not line.startswith("@"))
