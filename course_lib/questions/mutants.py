"""mutants: small changes of a right answer, which a grader should notice.

Each mutant changes one place of a function's syntax tree: an operator, a constant or axis, a reduction, the order of
two arguments, a keyword or a statement that is left out. One that no case tells from the original survives: the cases
are too tame, or the change is none.

Source: Perretta, DeOrio, Guha and Bell, "On the use of mutation analysis for evaluating student test suite quality",
ISSTA 2022, https://doi.org/10.1145/3533767.3534217.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from course_lib.questions.question import Function

OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
}
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
METHODS = {
    "sum": "mean",
    "mean": "sum",
    "amax": "amin",
    "argmax": "argmin",
    "max": "min",
    "log_softmax": "softmax",
    "softmax": "log_softmax",
    "exp": "log",
    "log": "exp",
}


SHOWN = 90  # characters of a line of code


@dataclass(frozen=True)
class Mutant:
    """A changed function.

    Attributes:
        what: The change, and the line that it is in.
        function: What it has become.
    """

    what: str
    function: Function


def mutants_of(original: Function) -> Iterator[Mutant]:
    """Every change of one place of a function, its docstring and its checks of arguments aside."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(original)))
    tree, lines = syntax_of(original), source.splitlines()
    count = len(list(_changes(tree)))
    for number in range(count):
        changed = copy.deepcopy(tree)
        node, what, change = list(_changes(changed))[number]
        line = lines[getattr(node, "lineno", 1) - 1].strip()[:SHOWN]
        change()
        space = dict(inspect.unwrap(original).__globals__)
        exec(compile(ast.fix_missing_locations(changed), "<mutant>", "exec"), space)
        yield Mutant(f"{what} in: {line}", space[inspect.unwrap(original).__name__])


def syntax_of(function: Function) -> ast.Module:
    """The syntax tree of a function without its decorators and its checks of arguments, which no case provokes.

    Example:
        >>> def half(x):
        ...     if x < 0:
        ...         raise ValueError
        ...     return x / 2
        >>> print(ast.unparse(syntax_of(half)))
        def half(x):
            return x / 2
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    tree.body[0].decorator_list = []  # type: ignore[attr-defined]
    return _Unguarded().visit(tree)


class _Unguarded(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if ast.unparse(node).startswith("check_") else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        guards = isinstance(node.body[-1], ast.Raise) and not node.orelse
        return None if guards else self.generic_visit(node)


def _changes(tree: ast.AST) -> Iterator[tuple[ast.AST, str, Callable[[], None]]]:
    """What can be changed, in the order in which it stands, each with the function that does it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            new = OPERATORS[type(node.op)]
            name = f"{type(node.op).__name__} becomes {new.__name__}"
            yield node, name, partial(setattr, node, "op", new())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield node, "minus becomes plus", partial(setattr, node, "op", ast.UAdd())
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
            other = COMPARISONS[type(node.ops[0])]
            name = f"{type(node.ops[0]).__name__} becomes {other.__name__}"
            yield node, name, partial(node.ops.__setitem__, 0, other())
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and node.value is not True:
            yield node, f"{node.value} becomes {1 - node.value}", partial(setattr, node, "value", 1 - node.value)
        elif isinstance(node, ast.Attribute) and node.attr in METHODS:
            name = f"{node.attr} becomes {METHODS[node.attr]}"
            yield node, name, partial(setattr, node, "attr", METHODS[node.attr])
        elif isinstance(node, ast.Call):
            yield from _changes_of_call(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node, "a statement is left out", partial(setattr, node, "value", ast.Constant(None))


def _changes_of_call(node: ast.Call) -> Iterator[tuple[ast.AST, str, Callable[[], None]]]:
    if len({ast.dump(each) for each in node.args}) == len(node.args) == 2:
        yield node, "two arguments change places", node.args.reverse
    for keyword in node.keywords:
        yield keyword, f"{keyword.arg} is left out", partial(node.keywords.remove, keyword)
