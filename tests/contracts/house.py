"""Counts the house's numbers over the source that git tracks: `python -m tests.contracts.house` prints them."""

import ast
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("splitfed_core", "benchmarks", "analysis", "sfbench")


@dataclass(frozen=True)
class Module:
    """A tracked source file that a person wrote."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """The dotted name; a package's own module bears the package's."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def folder(self) -> str:
        """The folder that it lies in."""
        return str(Path(self.path).parent)

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)


@cache
def modules() -> tuple[Module, ...]:
    """Return every tracked module of the packages but generated code."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PACKAGES)
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    paths = (path for path in sorted(listed) if path.endswith(".py") and "/_pb/" not in path)
    return tuple(Module(path, (ROOT / path).read_text("utf-8")) for path in paths if (ROOT / path).exists())


def modules_per_folder() -> Counter[str]:
    """Count the modules that lie on one level; what only makes the folder a package is not one."""
    return Counter(module.folder for module in modules() if Path(module.path).name != "__init__.py")


def any_per_thousand_lines() -> dict[str, float]:
    """Return by package how often the type `Any` is written in 1,000 lines; importing it does not count."""
    written, lines = Counter[str](), Counter[str]()
    for module in modules():
        package = module.name.partition(".")[0]
        lines[package] += len(module.text.splitlines())
        written[package] += sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(module.tree))
    return {package: 1000 * written[package] / lines[package] for package in PACKAGES}


def raw_in_roles() -> list[str]:
    """Return where a role names the codec `RAW`: the codec lies below the roles."""
    roles = (module for module in modules() if module.folder.startswith("splitfed_core/roles"))
    return [
        f"{module.path}:{node.lineno}"
        for module in roles
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id == "RAW"
    ]


def imports() -> dict[str, set[str]]:
    """Return by folder the folders that its modules import, wherever in the module."""
    folders = {module.name: module.folder for module in modules()}
    imported: dict[str, set[str]] = defaultdict(set)
    for module in modules():
        for name in _imported_names(module.tree):
            target = name if name in folders else name.rpartition(".")[0]
            if target in folders and folders[target] != module.folder:
                imported[module.folder].add(folders[target])
    return dict(imported)


def circles() -> list[tuple[str, str]]:
    """Return every pair of folders each of which reaches the other; a package's public names reach all of it."""
    graph = {folder: targets for folder, targets in imports().items() if folder not in PACKAGES}
    reached = {folder: _reachable(graph, folder) for folder in graph}
    return sorted((a, b) for a in graph for b in reached[a] if a < b and a in reached.get(b, set()))


def _imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


if __name__ == "__main__":
    (fullest, count), *_ = modules_per_folder().most_common()
    print(f"modules in the fullest folder  {count} ({fullest})")
    print(f"circles of folders             {len(circles())} {circles() or ''}")
    for package, rate in any_per_thousand_lines().items():
        print(f"Any per 1,000 lines            {rate:.1f} {package}")
    print(f"RAW in roles                   {len(raw_in_roles())}")
