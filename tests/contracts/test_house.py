"""The numbers of the house, as far as it has come: whoever brings one down tightens its bound."""

import pytest

from tests.contracts import house

# 6 is where all are going.
ANY_PER_THOUSAND = {"splitfed_core": 6.0, "benchmarks": 6.0, "analysis": 2.5, "sfbench": 1.0}


def test_no_folder_has_more_than_15_modules_on_one_level() -> None:
    assert max(house.modules_per_folder().values()) <= 15


def test_no_two_folders_reach_each_other() -> None:
    assert house.circles() == []


@pytest.mark.parametrize("package", house.PACKAGES)
def test_any_stays_where_it_is_needed(package: str) -> None:
    assert house.any_per_thousand_lines()[package] <= ANY_PER_THOUSAND[package]


def test_no_role_knows_a_codec() -> None:
    assert house.raw_in_roles() == []


def test_a_circle_of_folders_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = (
        house.Module("analysis/a/x.py", "def late():\n    from analysis.b import y\n"),
        house.Module("analysis/b/__init__.py", ""),
        house.Module("analysis/b/y.py", "import analysis.c.z\n"),
        house.Module("analysis/c/z.py", "from analysis.a.x import late\n"),
    )
    monkeypatch.setattr(house, "modules", lambda: planted)
    assert house.circles() == [("analysis/a", "analysis/b"), ("analysis/a", "analysis/c"), ("analysis/b", "analysis/c")]


def test_an_any_in_a_type_counts_and_its_import_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = (house.Module(f"{name}/x.py", "from typing import Any\nx: dict[str, Any]\n") for name in house.PACKAGES)
    monkeypatch.setattr(house, "modules", lambda found=tuple(planted): found)
    assert house.any_per_thousand_lines() == dict.fromkeys(house.PACKAGES, 500.0)
