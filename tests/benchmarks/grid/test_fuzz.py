"""Whatever is done to a good grid file, the answer is a plan or a message with the file's name."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.grid.load import load_grid
from benchmarks.grid.plan import make_plan
from splitfed_core.errors import GridError

GOOD = """\
schema: 1
name: rich
base: {dataset: {name: synthetic, examples: 10}, rounds: 3, aggregation: off}
axes:
  clients: {range: [2, 6], step: 2}
  batch_size: {pow2: [8, 16]}
zip: {rounds: [1, 2], local_epochs: [2, 1]}
exclude:
  - {match: {clients: [2]}, reason: few}
  - when: clients * batch_size > 64
include: [{clients: 3}]
overrides: [{match: {clients: 4}, set: {timeout_s: 5}}]
repeats: 2
on_failure: {retries: 1}
"""
PIECES = [
    *(
        "",
        " ",
        "\n",
        "  ",
        "\t",
        ":",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "#",
        "&a ",
        "*a",
        "!",
        "|",
        "%",
        "~",
        "\0",
        "é",
    ),
    *("0", "-1", "9" * 30, ".inf", "1e99", "on", "clients", "match: ", "axes:", "<<: ", "? ", "---\n", "!!set "),
]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=3)
)
def test_a_mangled_grid_is_planned_or_refused(tmp_path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = GOOD
    for place, length, piece in edits:
        text = text[:place] + piece + text[place + length :]
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    message = ""
    try:
        assert make_plan(load_grid(path)).cells
    except GridError as error:
        message = str(error)
    assert message.startswith(f"{path}:") or not message
