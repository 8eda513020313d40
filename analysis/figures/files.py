"""Writing figures: the same data give the same bytes, and each file says where it comes from."""

import html
import io
import re
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from analysis.figures.theme import GRID, INK, PAPER, themed
from analysis.results.provenance import Provenance

FORMATS = ("png", "svg", "pdf")
DPI = 160


def write_figure(figure: Figure, path: Path, title: str, origin: Provenance) -> Path:
    """Write a figure as PNG, SVG or PDF (by the suffix of `path`), with its provenance in the metadata."""
    path.write_bytes(render(figure, path.suffix[1:], path.stem, title, origin))
    return path


def render(figure: Figure, kind: str, name: str, title: str, origin: Provenance) -> bytes:
    """Return the bytes of a figure; nothing in them depends on the clock or on chance."""
    tool = f"sfbench {origin.sfbench}"
    metadata: dict[str, dict[str, str | None]] = {
        "png": {"Title": title, "Description": origin.text(), "Software": tool},
        "svg": {"Title": title, "Description": origin.text(), "Creator": tool, "Date": None},
        "pdf": {"Title": title, "Subject": origin.text(), "Creator": tool, "Producer": tool, "CreationDate": None},
    }
    buffer = io.BytesIO()
    with themed(), mpl.rc_context({"svg.hashsalt": name}):
        if figure.get_layout_engine() is not None:
            figure.draw_without_rendering()
            figure.set_layout_engine(None)  # it is laid out now: neither again for every format, nor before each save
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata[kind])
    return buffer.getvalue()


def inline(svg: bytes, name: str, alt: str) -> str:
    """Turn an SVG file into an element for the page: ids of its own, and the page's colours for ink, grid and paper."""
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    for colour, variable in ((INK, "--ink"), (GRID, "--grid"), (PAPER, "--paper")):
        text = text.replace(colour, f"var({variable})")
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(alt)}"', 1)
