"""Everything that is run on this project, each as one command: `nox -s NAME`. Dependencies stand in pyproject.toml."""

import atexit
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "imports", "protos", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
GENERATED = {
    "splitfed.proto": Path("splitfed_core/wire/_pb"),
    "notebook.proto": Path("benchmarks/baselines/notebook/_pb"),
}


def install(session: nox.Session, *groups: str, project: bool = True) -> None:
    """Install dependency groups, and the project itself, in the versions of constraints.txt."""
    packages = nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()
    editable = ("-e", ".") if project else ()
    session.install(*editable, *packages, "-c", "constraints.txt")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests: real gRPC servers, a real Ray, real files."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the long experiments that the other tests leave out."""
    install(session, "test")
    session.run("pytest", "-m", "slow", "--timeout", "3600", *session.posargs)


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
    """Generate the protobuf code anew and fail if the committed one differs."""
    install(session, "protos", project=False)
    before = {path: path.read_bytes() for path in generated()}
    for proto, folder in GENERATED.items():
        paths = (f"-I{folder}=protos", "--python_out=.", "--pyi_out=.", f"{folder}/{proto}")
        session.run("python", "-m", "grpc_tools.protoc", *paths)
    if before != {path: path.read_bytes() for path in generated()}:
        session.error("generated code did not match protos/; it does now: commit it")


def generated() -> list[Path]:
    """Return the files that protoc has written."""
    return [path for folder in GENERATED.values() for path in folder.glob("*_pb2*")]


@nox.session
def bench(session: nox.Session) -> None:
    """Run the quick grid and make its report, whose path is the last line."""
    install(session)
    session.run("sfbench", "sweep", "--out", "runs/quick")
    session.run("sfbench", "report", "runs/quick", "--out", "reports/quick")
    atexit.register(print, Path("reports/quick/index.html").resolve(), flush=True)  # after nox's own last words
