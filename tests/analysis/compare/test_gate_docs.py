"""The numbers in docs/gate.md are those that the simulation gives."""

from pathlib import Path

import pytest

from analysis.stats.gate_simulation import GRIDS, World, simulate, tables

DOCS = (Path(__file__).parents[3] / "docs" / "gate.md").read_text()


def test_the_documented_detection_of_ten_percent_by_ten_pairs_is_what_is_simulated() -> None:
    found = simulate(World(effect=0.1, pairs=10, changed=1, grids=GRIDS))
    lines = [line.split("|")[3].strip() for line in DOCS.splitlines() if line.startswith("| +10.0% ")]
    confirmed, at_once = lines[0], lines[2]
    assert (confirmed, at_once) == (f"{found.confirmed / GRIDS:.1%}", f"{found.cell / GRIDS:.1%}")


def test_the_page_says_over_how_many_grids() -> None:
    assert f"{GRIDS:,} grids of {World().cells} cells for each number" in DOCS


@pytest.mark.slow
def test_all_documented_tables_are_what_is_simulated() -> None:
    for table in tables(GRIDS).split("\n\n"):
        assert table.strip() in DOCS
