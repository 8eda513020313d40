import json
import math
from pathlib import Path
from typing import Any

import pytest

from analysis.compare.measured import Measured, Side
from analysis.compare.pairing import Pairs
from analysis.noise import doctor
from analysis.noise.doctor import Noise, examine, found, needed, show, visible
from splitfed_core.errors import DataError


def side(*cells: Any) -> Side:
    return Side("run", cells, {}, (), {}, "")


def examined(monkeypatch: pytest.MonkeyPatch, *cells: Pairs) -> list[Noise]:
    monkeypatch.setattr(doctor, "read_side", lambda path: path)
    monkeypatch.setattr(doctor, "pair_cells", lambda one, other: list(cells))
    return examine(Path("a"), Path("b"))


def test_the_noise_of_a_cell_is_the_deviation_between_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ratios = (0.1, -0.1, 0.2, -0.2)
    base = tuple(Measured(values={"step_p50_s": 0.02}) for _ in ratios)
    head = tuple(Measured(values={"step_p50_s": 0.02 * math.exp(ratio)}) for ratio in ratios)
    cells = (Pairs("a", "cell a", {}, (0, 1, 2, 3), base, head), Pairs("b", "cell b", {}, refusal="failed"))
    (noise,) = examined(monkeypatch, *cells)
    assert noise.label == "cell a"
    assert noise.between_runs == pytest.approx(math.sqrt((0.01 + 0.04) / 2 / 2))
    assert noise.step_s == pytest.approx(0.02)


def test_without_any_pair_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no cell could be measured: HEAD failed"):
        examined(monkeypatch, Pairs("a", "cell a", {}, refusal="HEAD failed"))


def test_cells_with_warm_up_steps_only_are_left_out_and_named_if_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warm, cold = ((Measured(values={"step_p50_s": step}),) * 5 for step in (0.02, math.nan))
    cells = (
        Pairs("a", "cell a", {}, tuple(range(5)), cold, cold),
        Pairs("b", "cell b", {}, tuple(range(5)), warm, warm),
    )
    assert [noise.label for noise in examined(monkeypatch, *cells)] == ["cell b"]
    with pytest.raises(DataError, match=r"cell a has only warm-up steps.* give it more rounds .* fewer warmup_steps"):
        examined(monkeypatch, cells[0])


def test_without_noise_whatever_matters_is_seen_with_the_fewest_pairs() -> None:
    assert visible(0.0) == pytest.approx(0.03, abs=0.002)
    assert needed(0.05, 0.0) == 5


def test_the_number_of_pairs_is_the_smallest_that_finds_the_effect_often() -> None:
    pairs = needed(0.1, 0.04)
    assert pairs is not None
    assert found(0.1, 0.04, pairs) >= 0.9 > found(0.1, 0.04, pairs - 1)
    assert 8 <= pairs <= 12  # docs/gate.md: 87.5 % with 10 pairs, where 23 other cells are watched too
    assert visible(0.04, pairs) <= 0.1 < visible(0.04, pairs - 2)


def test_what_cannot_be_found_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert needed(0.05, 0.2) is None
    noises = [Noise("cut conv1", 0.0123, 0.2, math.inf, {0.05: None, 0.1: 40})]
    show(noises, [30.0, 31.0, 60.0], {"cores": "2"}, ["end other work"], tmp_path)
    text = capsys.readouterr().out
    assert "cut conv1" in text
    assert "12.3 ms" in text
    assert " 20 % " in text
    assert "nothing" in text
    assert "> 60 pairs" in text
    assert "40 pairs, 41.3 min" in text  # 2 · 40 · 31 s
    assert "→ end other work" in text
    written = json.loads((tmp_path / "doctor.json").read_text())
    assert written["schema"] == 1
    assert written["cells"][0]["visible"] is None
    assert written["cells"][0]["pairs"] == {"0.05": None, "0.1": 40}
