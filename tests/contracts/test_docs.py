"""The site: all pages are reached, links stay inside, every figure is explained, decisions are numbered and dated."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.figures import FIGURES, METRIC
from analysis.results.csv_files import sha256
from tests.analysis.emulated_run import OF_LINKS_AND_CODECS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
MARKDOWN = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "stubs/*.md", ".github/**/*.md", "reports/sample/*.md")
    for path in ROOT.glob(pattern)
)
DECISIONS = sorted((DOCS / "adr").glob("*.md"))


def pages_of(nav: object) -> Iterator[str]:
    """Yield the pages of a navigation, those of its sections included."""
    if isinstance(nav, str):
        yield nav
    for entry in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from pages_of(entry)


def test_the_navigation_has_every_page_once() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    assert sorted(pages_of(nav)) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_no_link_leads_out_of_the_site_but_to_the_web(page: str) -> None:
    path = DOCS / page
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    inside = [path.parent.joinpath(target).resolve() for target in targets if "://" not in target]
    assert [str(target) for target in inside if not target.is_relative_to(DOCS)] == []


@pytest.mark.parametrize("page", MARKDOWN)
def test_every_link_and_picture_is_there_on_a_code_host_too(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    inside = [target for target in found if not re.match(r"[a-z]+:", target)]
    assert [target for target in inside if not (ROOT / page).parent.joinpath(target).exists()] == []


def test_the_pictures_of_the_pages_are_those_of_the_sample_report() -> None:
    folders = (DOCS / "images/figures", ROOT / "reports/sample/figures")
    here, there = ({path.name: sha256(path) for path in folder.iterdir()} for folder in folders)
    assert here == there, "cp reports/sample/figures/*.png docs/images/figures/"


@pytest.mark.parametrize("page", PAGES)
def test_nested_lists_are_indented_by_four(page: str) -> None:
    prose = re.sub(r"^```.*?^```", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^ {1,3}(?:[-*]|\d+\.) .*", prose, flags=re.MULTILINE) == []  # else it ends the outer list


@pytest.mark.parametrize("name", [*FIGURES, METRIC.name])
def test_every_figure_is_explained(name: str) -> None:
    sections = (DOCS / "figures.md").read_text(encoding="utf-8").split("\n## ")
    (section,) = (text for text in sections if text.startswith(f"{name}: "))
    if name != METRIC.name:
        assert all(f"**{word}" in section for word in ("Shows", "Axes", "Computed", "Misread"))
        there = (ROOT / f"reports/sample/figures/{name}.png").is_file()
        assert there or name in OF_LINKS_AND_CODECS
        assert (f"(images/figures/{name}.png)" in section) == there


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [path.name[:5] for path in DECISIONS] == [f"{number:04}-" for number in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_begins_with_its_number_and_its_date(path: Path) -> None:
    title, _, date = path.read_text(encoding="utf-8").splitlines()[:3]
    assert title.startswith(f"# {int(path.name[:4])}. ")
    assert re.match(r"\*Accepted, \d{4}-\d\d-\d\d[.;]", date)


@pytest.mark.parametrize("package", ["splitfed_core", "benchmarks", "analysis"])
def test_contributing_names_every_room(package: str) -> None:
    lines = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    row = [line for line in lines if line.startswith(f"| `{package}/` | ")][-1]
    rooms = {path.parent.name for path in (ROOT / package).glob("*/*.py")}
    assert {room for room in rooms if f"`{room}/`" not in row} == set()
