"""mutants: small changes of a reference, which a grader should notice.

Each mutant changes one place of the reference's syntax tree: an operator, a constant or axis, a reduction, or the order
of two arguments. One that no case tells from the reference survives: the cases are too tame, or the change is none.

Source: Perretta, DeOrio, Guha and Bell, "On the use of mutation analysis for evaluating student test suite quality",
ISSTA 2022, https://doi.org/10.1145/3533767.3534217.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Mutant:
    """A changed reference.

    Attributes:
        what: The change, and the line that it is in.
        function: What it has become.
    """

    what: str
    function: Function


def mutants_of(reference: Function) -> Iterator[Mutant]:
    """Every change of one place of a function, its docstring and its checks of arguments aside."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(reference))))
    tree.body[0].decorator_list = []  # type: ignore[attr-defined]
    count = len(list(_changes(tree)))
    for number in range(count):
        changed = copy.deepcopy(tree)
        what, change = list(_changes(changed))[number]
        change()
        space = dict(inspect.unwrap(reference).__globals__)
        exec(compile(ast.fix_missing_locations(changed), "<mutant>", "exec"), space)
        yield Mutant(what, space[reference.__name__])


def _changes(tree: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """What can be changed, in the order in which it stands, each with the function that does it."""
    for node in ast.walk(tree):
        line = f"line {getattr(node, 'lineno', '?')}"
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            new = OPERATORS[type(node.op)]
            name = f"{type(node.op).__name__} becomes {new.__name__}"
            yield f"{line}: {name}", lambda node=node, new=new: setattr(node, "op", new())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield f"{line}: minus becomes plus", lambda node=node: setattr(node, "op", ast.UAdd())
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
            new_comparison = COMPARISONS[type(node.ops[0])]
            name = f"{type(node.ops[0]).__name__} becomes {new_comparison.__name__}"
            yield f"{line}: {name}", lambda node=node, new=new_comparison: node.ops.__setitem__(0, new())
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and node.value is not True:
            other = 1 - node.value
            yield f"{line}: {node.value} becomes {other}", lambda node=node, new=other: setattr(node, "value", new)
        elif isinstance(node, ast.Attribute) and node.attr in METHODS:
            name = f"{node.attr} becomes {METHODS[node.attr]}"
            yield f"{line}: {name}", lambda node=node: setattr(node, "attr", METHODS[node.attr])
        elif isinstance(node, ast.Call) and len(node.args) == 2 and not isinstance(node.args[0], ast.Starred):
            yield f"{line}: two arguments change places", lambda node=node: node.args.reverse()
