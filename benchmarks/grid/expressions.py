"""Conditions on the parameters of a cell: `clients * batch_size > 1024 and not aggregation`.

The text is parsed as a Python expression, every kind of node that is not listed here is refused, and what is left
becomes a tree of closures. Nothing is ever handed to `eval`. A parameter or setting that a cell does not have is null:
arithmetic with it gives null, and null is neither larger nor smaller than anything.
"""

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from splitfed_core.errors import UsageError

Values = Mapping[str, object]
Evaluate = Callable[[Values], Any]
Operation = Callable[[Any, Any], object]

MAX_LENGTH = 1_000

_ARITHMETIC: dict[type[ast.operator], Operation] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Operation] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: lambda a, b: a is not None and b is not None and a < b,
    ast.LtE: lambda a, b: a is not None and b is not None and a <= b,
    ast.Gt: lambda a, b: a is not None and b is not None and a > b,
    ast.GtE: lambda a, b: a is not None and b is not None and a >= b,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_CONSTANTS = {"on": True, "off": False, "true": True, "false": False, "null": None}


class Expression:
    """A condition that was checked when it was written; call it with the values of a cell.

    Raises:
        UsageError: The text is not an expression, uses something that is not allowed, or an unknown name.
    """

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.text = text
        self._names = names
        try:
            self._evaluate = self._build(self._tree(text))
        except RecursionError:
            raise self._refuse("is nested too deeply") from None

    def __call__(self, values: Values) -> bool:
        """Tell whether the condition holds.

        Raises:
            UsageError: It cannot be computed for these values: words compared with numbers, a division by zero.
        """
        try:
            return bool(self._evaluate(values))
        except (TypeError, ZeroDivisionError, OverflowError, RecursionError) as error:
            raise self._refuse(f"cannot be computed: {error}") from None

    def _tree(self, text: str) -> ast.expr:
        if len(text) > MAX_LENGTH:
            raise UsageError(f"a condition of {len(text)} characters; {MAX_LENGTH} are allowed")
        try:
            return ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problem = error.msg if isinstance(error, SyntaxError) else type(error).__name__
            raise self._refuse(f"is not a condition: {problem}; write for example clients > 4") from None

    def _build(self, node: ast.expr) -> Evaluate:
        match node:
            case ast.BoolOp(op=op, values=parts):
                return _all_or_any(isinstance(op, ast.And), [self._build(part) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._build(operand)
                return lambda values: not inner(values)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._build(operand)
                return lambda values: -inner(values)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _arithmetic(_ARITHMETIC[type(op)], self._build(left), self._build(right))
            case ast.Compare(left=left, ops=ops, comparators=rest) if all(type(op) in _COMPARE for op in ops):
                return _chain([_COMPARE[type(op)] for op in ops], [self._build(n) for n in (left, *rest)])
            case ast.List(elts=items) | ast.Tuple(elts=items):
                built = [self._build(item) for item in items]
                return lambda values: [item(values) for item in built]
            case _:
                return self._leaf(node)

    def _leaf(self, node: ast.expr) -> Evaluate:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return lambda _: value
            case ast.Name(id=name) if name in _CONSTANTS:
                constant = _CONSTANTS[name]
                return lambda _: constant
            case ast.Name(id=name) if name in self._names:
                return lambda values: _plain(values[name])
            case ast.Attribute(value=ast.Name(id=name), attr=setting) if name in self._names and setting[0] != "_":
                return lambda values: getattr(values[name], "settings", {}).get(setting)
            case ast.Name(id=name):
                close = get_close_matches(name, self._names, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise self._refuse(f"uses the unknown name {name!r}; {hint}choose one of {', '.join(self._names)}")
            case _:
                what = ast.unparse(node)[:40]
                raise self._refuse(
                    f"uses {what!r}; allowed are parameters, numbers, words in quotes, lists, + - * / // %, "
                    "comparisons, in, and, or, not"
                )

    def _refuse(self, why: str) -> UsageError:
        return UsageError(f"condition {self.text!r} {why}")


def _plain(value: object) -> object:
    """A choice with settings counts as its name, a pair of cuts as a list."""
    return list(value) if isinstance(value, tuple) else getattr(value, "name", value)


def _all_or_any(every: bool, parts: list[Evaluate]) -> Evaluate:
    if every:
        return lambda values: all(part(values) for part in parts)
    return lambda values: any(part(values) for part in parts)


def _arithmetic(operate: Operation, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(values: Values) -> object:
        a, b = left(values), right(values)
        if a is None or b is None:
            return None
        if not isinstance(a, int | float) or not isinstance(b, int | float):
            raise TypeError(f"{a!r} and {b!r} are not both numbers")
        return operate(a, b)

    return evaluate


def _chain(compare: list[Operation], parts: list[Evaluate]) -> Evaluate:
    def evaluate(values: Values) -> bool:
        left = parts[0](values)
        for holds, part in zip(compare, parts[1:], strict=True):
            right = part(values)
            if not holds(left, right):
                return False
            left = right
        return True

    return evaluate
