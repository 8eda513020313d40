"""`sfbench verify --links`: how far the emulated links are off, as a table or as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.links.comparison import TYPICAL, WORST, Line, host_was_busy
from benchmarks.links.emulation import Emulation
from benchmarks.links.measure import measure, verified_links
from benchmarks.sweep.console import make_console, make_spinner, print_table, say
from splitfed_core.errors import ExitCode

WITNESSES = {
    "tbf": "Linux' token bucket (tbf) between two network namespaces, no delay",
    "relay": "a relay of real bytes, delay included",
}

_LARGE_BYTES = 1_000_000
"""From here on a message tells the throughput."""


def verify_links(*, as_json: bool) -> int:
    """Measure some minutes and print what that came to.

    Args:
        as_json: As JSON, instead of as a table.

    Returns:
        The exit code: whether the emulation keeps its bounds.
    """
    with Emulation() as emulation, make_spinner() as progress:
        task = progress.add_task("starting")
        lines = list(measure(verified_links(), emulation, lambda text: progress.update(task, description=text)))
    if as_json:
        print(document(lines))
    else:
        show(lines)
    return exit_code(lines)


def exit_code(lines: Sequence[Line]) -> ExitCode:
    """Return whether the emulation keeps its bounds.

    Where nothing was measured nothing is known, nor is why a message was off on a host that was busy.
    """
    measured = [line for line in lines if not line.skipped]
    if measured and all(line.passed for line in measured):
        return ExitCode.OK
    return ExitCode.FAILED if measured and not host_was_busy(lines) else ExitCode.INCONCLUSIVE


def show(lines: Sequence[Line], console: Console | None = None) -> None:
    """Print the table, what was skipped and why, and what it comes to."""
    console = console or make_console()
    unsure = host_was_busy(lines)
    for title, measured in _by_witness(lines):
        print_table(console, _table(title, measured, unsure=unsure))
    for sentence in (*_skips(lines), *summary(lines)):
        say(console, sentence, indent=2)


def document(lines: Sequence[Line]) -> str:
    """Return all of it as JSON."""
    bounds = {"typical": [TYPICAL.share, TYPICAL.seconds], "worst": [WORST.share, WORST.seconds]}
    found = {"bounds": bounds, "passed": exit_code(lines) == ExitCode.OK, "lines": [line.document() for line in lines]}
    return json.dumps(found, indent=1)


def markdown(lines: Sequence[Line]) -> str:
    """Return the table for a page of the documentation, with what was skipped below."""
    measured = [line for line in lines if not line.skipped]
    heads = ("witness", "link", "way", "size", "expected, ms", "emulated, ms", "witness, ms", "off", "worst")
    rows = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    rows += [f"| {' | '.join((line.witness, *_cells(line)))} |" for line in measured]
    return "\n".join([*rows, "", *(f"- {sentence}." for sentence in (*summary(lines), *_skips(lines)))])


def summary(lines: Sequence[Line]) -> list[str]:
    """Return a sentence per witness, and one on the bounds."""
    measured = [line for line in lines if not line.skipped]
    notes = [
        _of_witness(name, list(found))
        for name, found in groupby(sorted(measured, key=lambda line: line.witness), key=lambda line: line.witness)
    ]
    failed = [line for line in measured if not line.passed]
    rule = (
        f"{len(measured) - len(failed)} of {len(measured)} kinds of message are within "
        f"{_bound(TYPICAL.share, TYPICAL.seconds)} (median) and {_bound(WORST.share, WORST.seconds)} (worst)"
    )
    if failed and host_was_busy(lines):
        strayed = max(abs(each - median(line.witness_s)) for line in measured for each in line.witness_s)
        rule += f"; not clear: the host was busy, a witness itself strayed by {_ms(strayed)}; repeat it on a quiet one"
    return [*notes, rule]


def _bound(share: float, seconds: float) -> str:
    return f"{100 * share:g} % + {1000 * seconds:g} ms"


def _of_witness(name: str, lines: Sequence[Line]) -> str:
    times = [abs(line.difference_s) / median(line.witness_s) for line in lines if not line.small]
    small = [abs(line.difference_s) for line in lines if line.small]
    large = [
        line.mbit_per_s(line.emulated_s) / line.mbit_per_s(line.witness_s) - 1
        for line in lines
        if line.num_bytes >= _LARGE_BYTES
    ]
    parts = []
    if times:
        parts.append(f"time off by {100 * median(times):.2f} % in the median, {100 * max(times):.2f} % at most")
    if small:
        parts.append(f"small messages by {_ms(median(small))} and {_ms(max(small))}")
    if large:
        worst = max(large, key=abs)
        parts.append(f"throughput from 1 MB on by {100 * median(large):+.2f} % and {100 * worst:+.2f} %")
    return f"{name}: {'; '.join(parts)}"


def _skips(lines: Sequence[Line]) -> list[str]:
    """Return a sentence per reason for which something was skipped, and what; all of a witness as its name alone."""
    reasons: dict[tuple[str, str], dict[str, list[str]]] = {}
    for line in lines:
        if line.skipped:
            messages = reasons.setdefault((line.witness, line.skipped), {})
            messages.setdefault(f"{line.link} {_way(line)}", []).append(size(line.num_bytes))
    measured = {line.witness for line in lines if not line.skipped}
    notes = []
    for (witness, reason), messages in reasons.items():
        what = "; ".join(f"{name} {', '.join(sizes)}" for name, sizes in messages.items())
        notes.append(f"{witness}, skipped: {f'{reason}: {what}' if witness in measured else reason}")
    return notes


def _by_witness(lines: Sequence[Line]) -> Iterator[tuple[str, list[Line]]]:
    for name, title in WITNESSES.items():
        if measured := [line for line in lines if line.witness == name and not line.skipped]:
            yield title, measured


def _table(title: str, lines: Iterable[Line], *, unsure: bool) -> Table:
    table = Table(box=None, pad_edge=False, title=f"{title}; times in ms", title_justify="left", title_style="bold")
    for heading in ("link", "way"):
        table.add_column(heading, no_wrap=True)
    for heading in ("size", "expected", "emulated", "witness", "off", "worst"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for line in lines:
        off = "[yellow]unsure[/yellow]" if unsure else "[bold red]FAILED[/bold red]"
        table.add_row(*_cells(line), "[green]passed[/green]" if line.passed else off)
    return table


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.link,
        _way(line),
        size(line.num_bytes),
        *map(_in_ms, (line.expected_s, median(line.emulated_s), median(line.witness_s))),
        _difference(line, line.difference_s),
        _difference(line, line.worst_s),
    )


def _way(line: Line) -> str:
    return line.direction.removesuffix("link")


def _difference(line: Line, difference_s: float) -> str:
    """Tell a difference in the unit that decides: small messages in ms, others in per cent."""
    if line.small:
        return f"{1000 * difference_s:+.2f} ms"
    return f"{100 * difference_s / median(line.witness_s):+.2f} %"


def _ms(seconds: float) -> str:
    return f"{_in_ms(seconds)} ms"


def _in_ms(seconds: float) -> str:
    return f"{1000 * seconds:,.{2 if seconds < 0.1 else 1}f}"


def size(num_bytes: int) -> str:
    """Return a size in kB or MB."""
    return f"{num_bytes / 1e6:g} MB" if num_bytes >= _LARGE_BYTES else f"{num_bytes / 1000:g} kB"
