"""One meaning per name: what is public in two modules of a package stands here, with the one meaning that both have."""

import ast
from collections import defaultdict

import pytest

from tests.contracts import house

SAME_MEANING = {
    "analysis": {"compare": "the command and what it runs", "report": "the command and what it runs"},
    "benchmarks": {"main": "all of a program that `python -m` starts"},
}


def shared_names(package: str) -> dict[str, list[str]]:
    """Return the public classes and functions at the top of more than one module of a package, and of which."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module in house.modules():
        if module.name.startswith(f"{package}.") and not module.folder.endswith("/micro"):  # which holds tests
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                    homes[node.name].append(module.name)
    return {name: modules for name, modules in homes.items() if len(modules) > 1}


@pytest.mark.parametrize("package", SAME_MEANING)
def test_a_public_name_has_one_meaning_in_its_package(package: str) -> None:
    assert {name: modules for name, modules in shared_names(package).items() if name not in SAME_MEANING[package]} == {}


@pytest.mark.parametrize("package", SAME_MEANING)
def test_the_list_of_shared_names_holds_none_that_is_not_shared(package: str) -> None:
    assert SAME_MEANING[package].keys() <= shared_names(package).keys()


def test_a_private_name_and_a_name_of_another_package_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "analysis/a/x.py": "def load(): ...\ndef _sum(): ...\n",
        "analysis/b/y.py": "class load: ...\ndef _sum(): ...\n",
    }
    planted = [house.Module(path, text) for path, text in {**texts, "benchmarks/z.py": "def load(): ...\n"}.items()]
    monkeypatch.setattr(house, "modules", lambda: planted)
    assert shared_names("analysis") == {"load": ["analysis.a.x", "analysis.b.y"]}
    assert shared_names("benchmarks") == {}
