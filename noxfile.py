"""Everything that is run on this project, each as one command: `nox -s NAME`. Dependencies stand in pyproject.toml."""

import atexit
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "imports", "protos", "docs", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PACKAGES = ("sfbench", "splitfed_core", "benchmarks", "analysis")
GENERATED = {
    "splitfed/v1/splitfed.proto": Path("splitfed_core/wire/_pb"),
    "notebook/v1/notebook.proto": Path("benchmarks/baselines/notebook/_pb"),
}


def install(session: nox.Session, *groups: str, project: bool = True) -> None:
    """Install dependency groups, and the project itself, in the versions of constraints.txt."""
    packages = nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()
    editable = ("-e", ".[run]") if project else ()
    # Where Python may write no bytecode, each of the many processes that tests start would compile TensorFlow anew.
    compiled = {"UV_COMPILE_BYTECODE": "1"} if "test" in groups else {}
    session.install(*editable, *packages, "-c", "constraints.txt", env=compiled)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests: real gRPC servers, a real Ray, real files."""
    install(session, "test")
    # Two processes, as the smallest machine has two cores; a file stays in one of them, with the Ray that it started.
    session.run("pytest", "--numprocesses", "2", "--dist", "loadfile", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the long experiments that the other tests leave out."""
    install(session, "test")
    session.run("pytest", "-m", "slow", "--timeout", "3600", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests and tell which lines and branches ran, those of the processes that Ray starts included."""
    install(session, "test")
    session.run("coverage", "erase")
    # Every process has to find the plugin, which saves what ran: Ray ends processes without a last word.
    here = {"PYTHONPATH": str(Path.cwd())}
    session.run("coverage", "run", "-m", "pytest", "-n", "2", "--dist", "loadfile", *session.posargs, env=here)
    session.run("coverage", "combine", "--quiet", env=here)
    session.run("coverage", "report", env=here)


@nox.session
def mutants(session: nox.Session) -> None:
    """Test the tests: make small errors in the modules that decide numbers, and count those that are seen."""
    install(session, "test")
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    install(session, "lint", project=False)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, "types")
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check who imports whom."""
    install(session, "imports", project=False)
    session.run("lint-imports", env={"PYTHONPATH": "."})


@nox.session
def protos(session: nox.Session) -> None:
    """Check the contract's style, generate its code anew and fail if the committed one differs."""
    install(session, "protos", project=False)
    session.run("buf", "lint", "protos")
    before = {path: path.read_bytes() for path in generated()}
    for proto, folder in GENERATED.items():
        paths = (f"-I{folder}=protos", "--python_out=.", "--pyi_out=.", f"{folder}/{proto}")
        session.run("python", "-m", "grpc_tools.protoc", *paths)
    if before != {path: path.read_bytes() for path in generated()}:
        session.error("generated code did not match protos/; it does now: commit it")


def generated() -> list[Path]:
    """Return the files that protoc has written."""
    return [path for folder in GENERATED.values() for path in folder.rglob("*_pb2.py*")]


@nox.session
def build(session: nox.Session) -> None:
    """Build the sdist and the wheel into dist/, with the version of the tag, and start the command from the wheel."""
    install(session, "build", project=False)
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    (wheel,) = Path("dist").glob("*.whl")
    session.install(str(wheel), "-c", "constraints.txt")
    session.run("sfbench", "--version")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into site/, and fail at a broken link, anchor or name, and at a missing docstring."""
    install(session, "docs", "lint", project=False)
    session.run("ruff", "check", "--select", "D1", "--ignore", "D105,D107", *PACKAGES)
    # The sample report's figures are pages' pictures, too. They are kept beside the pages, for those who read them on a
    # code host; git keeps equal files once, and a test holds them equal.
    shutil.copytree("reports/sample/figures", "docs/images/figures", dirs_exist_ok=True)
    session.run("zensical", "build", "--strict", "--clean")


@nox.session
def bench(session: nox.Session) -> None:
    """Run the quick grid and its report, whose path is the last line; or another of BENCHES: `-- speed`."""
    install(session, "test")
    what, *arguments = session.posargs or ["quick"]
    if what not in BENCHES:
        session.error(f"{what!r} is not a benchmark; choose one of {', '.join(BENCHES)}")
    atexit.register(print, BENCHES[what](session, *arguments).resolve(), flush=True)  # after nox's own last words


def quick(session: nox.Session) -> Path:
    """Sweep the quick grid and report it."""
    session.run("sfbench", "sweep", "--bundled", "quick", "--out", "runs/quick")
    session.run("sfbench", "report", "runs/quick", "--out", "reports/quick")
    return Path("reports/quick/index.html")


def speed(session: nox.Session, *goals: str) -> Path:
    """Measure what the instrument itself costs: a table and a figure."""
    session.run("python", "-m", "benchmarks.own_cost", "reports/speed", *goals)
    session.run("python", "-m", "analysis.own_cost.report", "reports/speed")
    return Path("reports/speed/speed.md")


def links(session: nox.Session, *parts: str) -> Path:
    """Measure how far emulated links are off, against two witnesses: the tables of docs/guides/links.md."""
    session.run("python", "-m", "benchmarks.links", "reports/links", *parts)
    return Path("reports/links/links.md")


def codecs(session: nox.Session, *arguments: str) -> Path:
    """Measure what codecs cost and lose on real smashed data: the tables and the figure of docs/guides/codecs.md."""
    session.run("python", "-m", "benchmarks.codecs", "reports/codecs", *arguments)
    session.run("python", "-m", "analysis.own_cost.codecs", "reports/codecs")
    return Path("reports/codecs/codecs.md")


def micro(session: nox.Session, *arguments: str) -> Path:
    """Time the parts of a step with pytest-benchmark; `sfbench compare` reads the JSON."""
    result = Path("reports/micro/micro.json")
    result.parent.mkdir(parents=True, exist_ok=True)
    options = ("-o", "addopts=--import-mode=importlib", "--benchmark-only", f"--benchmark-json={result}")
    session.run("pytest", "benchmarks/own_cost/micro", *options, *arguments)
    return result


def ab(session: nox.Session, base: str = "main", *arguments: str) -> Path:
    """Measure a commit and the working tree in turn; fails on a regression, not for want of certainty."""
    session.run("sfbench", "ab", base, "benchmarks/grids/ci.yaml", "--out", "runs/ab", *arguments, success_codes=[0, 4])
    return Path("runs/ab/verdict.md")


BENCHES = {"quick": quick, "speed": speed, "links": links, "codecs": codecs, "micro": micro, "ab": ab}
