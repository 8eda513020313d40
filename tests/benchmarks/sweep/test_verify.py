from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.grid.load import Grid
from benchmarks.grid.plan import make_plan
from benchmarks.sweep import verify as module
from benchmarks.sweep.verify import distinct, distinct_codecs, verify
from splitfed_core.errors import GridError
from splitfed_core.verification.oracles import Verdict

GRID = "base: {batch_size: 32}\naxes:\n  algorithm: [fl]\n  clients: [2, 4]\n"


def test_each_network_and_cut_is_verified_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    assert verify(tmp_path / "grid.yaml") == 0
    out = capsys.readouterr().out
    assert out.count("fl = FedAvg") == 1
    assert "1 of 1 oracles passed on 1 networks and cuts" in out


def test_an_oracle_that_fails_is_said_and_makes_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.setattr(module, "verify_cell", lambda *_: [Verdict("law", "net", 1e-6, 0.5)])
    assert verify(tmp_path / "grid.yaml") == 1
    (row,) = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("net ")]
    assert row == ["net", "law", "1e-06", "5.0e-01", "FAILED"]


def test_a_long_name_cuts_no_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = "package.of_mine.networks:a_network_with_a_name · a_layer_with_a_name"
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.setattr(module, "verify_cell", lambda *_: [Verdict("one client is the unsplit model", case, 1e-6, 0)])
    verify(tmp_path / "grid.yaml")
    heading, row, _ = capsys.readouterr().out.splitlines()
    assert heading.split() == ["network", "·", "cut", "oracle", "tolerance", "difference"]
    assert row.startswith(case)


def test_a_cut_that_is_not_there_is_an_error_of_the_grid(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("axes:\n  cut_layer: [conv9]\n")
    with pytest.raises(GridError, match=r"grid.yaml:2:\d+: cut_layer 'conv9'"):
        verify(tmp_path / "grid.yaml")


def test_cells_that_differ_in_what_no_step_computes_are_one_case(grid_of: Callable[..., Grid]) -> None:
    plan = make_plan(grid_of("axes: {clients: [1, 2], batch_size: [8, 16], cut_layer: [conv1, dense1]}"))
    assert len(plan.cells) == 8
    assert [config.cut_layer for config in distinct(cell.config for cell in plan.cells)] == ["conv1", "dense1"]


def test_every_codec_of_a_grid_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codecs = "{codec: [raw, int8, {name: topk, share: 0.1, then: zstd}], model_codec: [raw, int4]}"
    (tmp_path / "grid.yaml").write_text(f"axes: {codecs}\n")
    assert verify(tmp_path / "grid.yaml") == 0
    out = " ".join(capsys.readouterr().out.split())
    for codec in ("dense1 codec raw: comes back", "dense1 codec int8: within", "dense1 model_codec int4: within"):
        assert out.count(codec) == 1
    assert out.count("mask of the gradient") == 1


def test_a_grid_in_which_all_is_raw_has_no_oracles_of_codecs(grid_of: Callable[..., Grid]) -> None:
    plan = make_plan(grid_of("axes: {clients: [1, 2], algorithm: [sflv2, fl, central]}"))
    assert distinct_codecs(cell.config for cell in plan.cells) == []
