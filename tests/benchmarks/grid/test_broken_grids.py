"""Every broken grid below `broken/` has one fault; `#!` stands on its line, before what the message says."""

import sys
from pathlib import Path

import pytest

from analysis.cli import main

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


def sfbench(*arguments: str) -> int:
    sys.argv = ["sfbench", *arguments]
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_grid_is_refused_with_its_line(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ((number, marked),) = [(i, x) for i, x in enumerate(path.read_text().splitlines(), 1) if "#! " in x]
    assert sfbench("sweep", str(path)) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"sfbench: {path}:{number}:")
    assert marked.partition("#! ")[2] in message
    assert "Traceback" not in message
    assert list(tmp_path.iterdir()) == []


def test_there_are_a_hundred_of_them() -> None:
    assert len(BROKEN) >= 100


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", ":1: a grid is a mapping of keys to values, but this holds nothing"),
        (b"axes:\n  clients: [\xff\xfe]\n", ":2: this is not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\x00", ":1: this is not UTF-8 text"),
        (b'name: "quick\naxes: {}\n', ":3:1: found unexpected end of stream"),
        (b"[" * 100_000, ":1:51: nested too deeply"),
        (b"name: a\x00b\n", ":1: this is not YAML"),
        (b"axes: {}\n? base: {clients: 2}\n", ":1: a key is a mapping or a list; keys are names"),
    ],
    ids=["empty", "latin", "picture", "quote", "brackets", "nul", "key"],
)
def test_a_file_that_is_no_grid_is_refused(
    raw: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "grid.yaml"
    path.write_bytes(raw)
    assert sfbench("sweep", str(path), "--out", str(tmp_path / "run")) == 2
    assert f"{path}{says}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sfbench("sweep", str(tmp_path / "none.yaml")) == 2
    assert "none.yaml: cannot be read: No such file or directory" in capsys.readouterr().err
    assert sfbench("sweep", str(tmp_path)) == 2
    assert "cannot be read: Is a directory" in capsys.readouterr().err
