"""`env/<hash>.json`: the machine, the versions and the code that cells were measured with. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from splitfed_core.records.document import Document, Fields, merged, read_document

ENV_SCHEMA = 1
"""It is a part of what is hashed: a new number renames every environment."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """The state of a git checkout; nothing of it outside one.

    Attributes:
        git_commit: Its commit.
        git_dirty: Whether files differ from that.
        git_diff: A hash of the difference.
    """

    git_commit: str | None = None
    git_dirty: bool | None = None
    git_diff: str | None = None

    @property
    def said(self) -> str:
        """The commit in words, marked where files differ from it."""
        return f"{self.git_commit or 'unknown'}{'+dirty' if self.git_dirty else ''}"

    def document(self) -> Document:
        """Return it as plain JSON."""
        return {"git_commit": self.git_commit, "git_dirty": self.git_dirty, "git_diff": self.git_diff}

    @classmethod
    def take(cls, fields: Fields) -> "Checkout":
        """Take it from a document."""
        return cls(fields.text("git_commit"), fields.flag("git_dirty"), fields.text("git_diff"))


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a cell was measured. A field that an older version did not write is None, or empty.

    Attributes:
        checkout: Of sfbench itself.
        app: The checkout one stood in.
        code: Digest of sfbench's own files.
        load: How busy the machine was when this was first stored; no part of what is hashed.
        extra: What else the file holds.
    """

    cpu: str | None = None
    cpu_flags: tuple[str, ...] = ()
    cores: int | None = None
    cgroup: Mapping[str, str | None] = field(default_factory=dict)
    memory_bytes: int | None = None
    governor: str | None = None
    platform: str | None = None
    kernel: str | None = None
    clock_source: str | None = None
    checkout: Checkout = Checkout()
    code: str | None = None
    app: Checkout = Checkout()
    versions: Mapping[str, str] = field(default_factory=dict)
    thread_settings: Mapping[str, str] = field(default_factory=dict)
    load: object = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def measured(self) -> Checkout:
        """The checkout of the user's own code, where there is one, or else that of sfbench."""
        return self.app if self.app.git_commit else self.checkout

    def document(self) -> Document:
        """Return the content of the file, but for the load."""
        own: Document = {
            "schema": ENV_SCHEMA,
            "cpu": self.cpu,
            "cpu_flags": list(self.cpu_flags),
            "cores": self.cores,
            "cgroup": dict(self.cgroup),
            "memory_bytes": self.memory_bytes,
            "governor": self.governor,
            "platform": self.platform,
            "kernel": self.kernel,
            "clock_source": self.clock_source,
            **self.checkout.document(),
            "code": self.code,
            "app": self.app.document(),
            "versions": dict(self.versions),
            "thread_settings": dict(self.thread_settings),
        }
        return merged(own, self.extra)

    @classmethod
    def take(cls, fields: Fields) -> "Environment":
        """Take it from a document."""
        return cls(
            cpu=fields.text("cpu"),
            cpu_flags=fields.texts("cpu_flags"),
            cores=fields.integer("cores"),
            cgroup={name: None if value is None else str(value) for name, value in fields.mapping("cgroup").items()},
            memory_bytes=fields.integer("memory_bytes"),
            governor=fields.text("governor"),
            platform=fields.text("platform"),
            kernel=fields.text("kernel"),
            clock_source=fields.text("clock_source"),
            checkout=Checkout.take(fields),
            code=fields.text("code"),
            app=fields.part("app", Checkout.take) or Checkout(),
            versions=fields.names("versions"),
            thread_settings=fields.names("thread_settings"),
            load=fields.anything("load"),
            extra=fields.rest(),
        )


def read_environment(path: Path) -> tuple[Environment, list[str]]:
    """Read an environment; returns with it what of the file is not what it must be.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not such a file.
        NewerSchemaError: A newer version wrote it.
    """
    fields = Fields(read_document(path, ENV_SCHEMA))
    return Environment.take(fields), fields.wrong
