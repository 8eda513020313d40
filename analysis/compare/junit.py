"""JUnit XML of a comparison: a test case per cell and deciding metric, for the test tab of any CI."""

from xml.etree import ElementTree as ET

from analysis.compare.gate import Judged, JudgedCell, Judgement
from analysis.compare.wording import interval_words, moved_words, phrase, worst_first
from analysis.stats.verdicts import Outcome

_ELEMENTS: dict[Outcome, str] = {"regression": "failure", "error": "error", "inconclusive": "skipped"}


def to_junit(judgement: Judgement) -> bytes:
    """Return the XML: a regression is a failure, a refusal an error, what is inconclusive a skipped test."""
    suite = ET.Element("testsuite", name="sfbench compare")
    for judged in judgement.grid:
        _case(suite, "the whole grid", judged, moved_words(judgement.moved))
    for cell in worst_first(judgement):
        _cell(suite, cell, judgement)
    found = [element.tag for case in suite for element in case]
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    suite.set("tests", str(len(suite)))
    for attribute, tag in counts.items():
        suite.set(attribute, str(found.count(tag)))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    xml: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _cell(suite: ET.Element, cell: JudgedCell, judgement: Judgement) -> None:
    for judged in cell.gated(judgement.rules):
        _case(suite, cell.pairs.label, judged, moved_words(cell.moved) if judged.metric.kind == "time" else "")
    if cell.pairs.refusal:
        case = ET.SubElement(suite, "testcase", classname="comparable", name=_clean(cell.pairs.label))
        ET.SubElement(case, _ELEMENTS[cell.outcome], message=_clean(cell.pairs.refusal))


def _case(suite: ET.Element, name: str, judged: Judged, moved: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=judged.metric.name, name=_clean(name))
    tag = _ELEMENTS.get(judged.verdict.outcome)
    if tag:
        message = f"{phrase(judged)}: {judged.verdict.reason}"
        element = ET.SubElement(case, tag, message=_clean(message))
        element.text = _clean("\n".join(text for text in (interval_words(judged), moved) if text))


def _clean(text: str) -> str:
    """Drop the control characters that XML cannot hold."""
    return "".join(character for character in text if character >= " " or character in "\t\n")
