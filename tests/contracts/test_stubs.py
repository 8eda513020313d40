"""What `stubs/` says of other packages: every name in it is one of theirs, with the parameters it gives them."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

STUBS = Path(__file__).parents[2] / "stubs"
OURS = {"TensorLike", "R"}  # types of what several functions take
THEIRS_UNNAMED = {"Function", "ConcreteFunction", "DType", "GraphNodeProto"}  # real classes that lie elsewhere
MODULES = sorted(STUBS.rglob("*.pyi"))


def named(path: Path) -> list[ast.stmt]:
    """Return what a stub defines, without what it leaves open or keeps for itself."""
    tree = ast.parse(path.read_text())
    found = [n for n in tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef, ast.AnnAssign))]
    return [node for node in found if name(node)[0] != "_" and name(node) not in OURS | THEIRS_UNNAMED]


def name(node: ast.stmt) -> str:
    return ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else getattr(node, "name", "")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(STUBS)))
def test_every_name_of_a_stub_is_in_the_package(path: Path) -> None:
    module = ".".join(path.relative_to(STUBS).with_suffix("").parts).removesuffix(".__init__")
    top, *rest = module.split(".")
    theirs = importlib.import_module(top)
    for part in rest:  # TensorFlow's modules are attributes, not files
        theirs = getattr(theirs, part) if hasattr(theirs, part) else importlib.import_module(module)
    for node in named(path):
        real = getattr(theirs, name(node))
        if isinstance(node, ast.FunctionDef) and path.parts[-2] in ("keras", "tensorflow"):
            taken = inspect.signature(real).parameters
            asked = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
            assert set(asked) <= taken.keys(), name(node)
