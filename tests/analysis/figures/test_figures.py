"""Figures say what the data say, and nothing in them covers anything else."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from analysis.figures import FIGURES, facets, theme
from analysis.figures.roles import Choice
from analysis.results.load import Results, load
from analysis.results.resampling import beaten_by, on_front
from analysis.results.target_accuracy import reached, target_accuracy
from splitfed_core.records.rows import PHASES
from tests.analysis.emulated_run import OF_ANY_RUN, OF_LINKS_AND_CODECS

MakeRun = Callable[..., Path]
CHOICE = Choice()


@pytest.fixture(scope="module")
def results(grid_run: Path) -> Results:
    return load(grid_run)


def boxes(texts: list[Text]) -> list[Bbox]:
    return [text.get_window_extent() for text in texts if text.get_visible() and text.get_text().strip()]


def overlapping(found: list[Bbox]) -> int:
    """Count the pairs that cover each other by more than a hair."""
    shrunk = [Bbox.from_extents(b.x0 + 0.5, b.y0 + 0.5, b.x1 - 0.5, b.y1 - 0.5) for b in found]
    return sum(a.overlaps(b) for a, b in itertools.combinations(shrunk, 2))


def tick_labels(axis: Axis) -> list[Text]:
    """Return the labels that are drawn: ticks beyond the view have some too."""
    low, high = sorted(axis.get_view_interval())
    span = 1e-9 * (high - low)
    return [tick.label1 for tick in axis.get_major_ticks() if low - span <= tick.get_loc() <= high + span]


def check_layout(figure: Figure) -> None:
    """Check that no texts overlap, none is cut off, no panel is empty, and the legend covers no data."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert axes.has_data()
        assert axes.get_legend() is None
        for axis in (axes.xaxis, axes.yaxis):
            found = boxes([*tick_labels(axis), axis.label])
            assert overlapping(found) == 0
            assert all(figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1 for box in found)
        for legend in figure.legends:
            assert not legend.get_window_extent().overlaps(axes.get_window_extent())
    assert overlapping(boxes([axes.title for axes in figure.axes])) == 0
    assert all(box.x1 <= figure.bbox.x1 for box in boxes(figure.texts))
    for box in [legend.get_window_extent() for legend in figure.legends]:
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("name", OF_ANY_RUN)
def test_nothing_overlaps(results: Results, name: str) -> None:
    check_layout(FIGURES[name].draw(results, CHOICE))


@pytest.mark.parametrize("name", ["effects", "phases", "speed", "latency", "network", "loss", "target", "resources"])
def test_nothing_overlaps_with_many_long_names(make_run: MakeRun, name: str) -> None:
    models = [f"my_package.my_models:residual_network_{n}" for n in range(5)]
    run = make_run("long", {"model": models, "batch_size": [8, 16, 32, 64, 128]}, repeats=1, base={"rounds": 2})
    check_layout(FIGURES[name].draw(load(run), CHOICE))


def test_runs_with_different_axes_are_drawn_together(make_run: MakeRun) -> None:
    runs = [make_run("base", {"clients": [2, 3]}), make_run("head", {"batch_size": [16, 64]})]
    both = load(*runs)
    assert tuple(both.axes) == ("run", "clients", "batch_size")
    assert all(FIGURES[name].draw(both, CHOICE).axes for name in OF_ANY_RUN)


@pytest.mark.parametrize("name", OF_LINKS_AND_CODECS)
def test_a_run_without_links_and_codecs_has_no_such_figure(results: Results, name: str) -> None:
    with pytest.raises(theme.NotShownError):
        FIGURES[name].draw(results, CHOICE)


def test_phases_sum_to_a_whole_step(results: Results) -> None:
    figure = FIGURES["phases"].draw(results, CHOICE)
    share = figure.axes[1]
    widths = pd.Series([patch.get_width() for patch in share.patches if isinstance(patch, Rectangle)])
    assert len(widths) % len(PHASES) == 0
    assert widths.sum() / (len(widths) / len(PHASES)) == pytest.approx(100)


def test_bars_of_labels_hold_the_examples_of_each_client(results: Results) -> None:
    figure = FIGURES["labels"].draw(results, CHOICE)
    drawn = [patch.get_height() for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    first = results.labels[(results.labels["clients"] == results.axes["clients"][0]) & (results.labels["repeat"] == 0)]
    one = first[first["cell_id"] == first["cell_id"].iloc[0]].sort_values(["label", "client_id"])
    assert drawn == one["examples"].tolist()


def test_labels_that_are_too_many_for_colours_are_a_map(results: Results) -> None:
    many = [results.labels.assign(label=str(label), examples=label) for label in range(13)]
    figure = FIGURES["labels"].draw(replace(results, labels=pd.concat(many)), CHOICE)
    shown = figure.axes[0].images[0].get_array()
    assert shown is not None
    assert (shown / shown[1]).T.tolist() == [list(range(13))] * shown.shape[1]  # a row per label, a column per client


def test_a_target_is_reached_in_the_first_round_that_has_it(results: Results) -> None:
    goal = target_accuracy(results)
    assert goal == 0.85, "the highest round figure that half of the cells reach"
    one = results.rounds[(results.rounds["cell_id"] == results.ok["cell_id"].iloc[0]) & (results.rounds["repeat"] == 0)]
    got = reached(results, goal).iloc[0]
    assert got["elapsed_s"] == one[one["eval_accuracy"] >= goal]["elapsed_s"].iloc[0]


def test_a_cell_is_on_the_front_unless_another_is_at_least_as_good_in_all() -> None:
    accuracy, sent, time = [0.9, 0.9, 0.8, 0.95], [10, 10, 5, 20], [1.0, 2.0, 1.0, 9.0]
    costs = np.column_stack([-np.array(accuracy), sent, time])
    assert on_front(costs).tolist() == [True, False, True, True]
    assert beaten_by(costs).tolist() == [0, 1, 0, 0]


def test_an_axis_has_the_same_colours_when_cells_are_left_out(results: Results) -> None:
    fewer = results.having("aggregation_p50_s")
    assert results.axes["aggregation"] == ("on", "off")
    assert "aggregation" not in fewer.axes
    assert len(fewer.ok) == len(results.ok) / 2
    assert theme.colour("cut_layer", "dense1", fewer.palette) == theme.colour("cut_layer", "dense1", results.palette)


def test_no_two_values_of_an_axis_look_alike_without_colour(results: Results) -> None:
    axes = {"aggregation": ("on", "off"), "clients": (1, 2, 4, 8), "cut_layer": ("conv1", "pool1", "flatten", "dense1")}
    for axis, values in axes.items():
        assert len({theme.marker(axis, value, axes) for value in values}) == len(values)
        assert len({theme.colour(axis, value, axes) for value in values}) == len(values)


@pytest.mark.parametrize("lacking", ["normal", "red", "green"])
def test_colours_are_told_apart_with_any_colour_vision(lacking: str) -> None:
    axes = {"aggregation": ("on", "off"), "clients": (1, 2, 4), "cut_layer": ("conv1", "pool1", "dense1")}
    for axis, values in axes.items():
        seen = [see(theme.colour(axis, value, axes), lacking) for value in values]
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.13, axis


VISION = {  # Machado, Oliveira and Fernandes 2009, severity 1
    "normal": np.eye(3),
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def see(colour: str, lacking: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return what an eye that lacks one kind of cone makes of a colour, in OKLab."""
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(VISION[lacking]) @ linear, 0, 1)
    lms = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]) @ seen
    lab = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    return np.asarray(lab @ np.cbrt(lms))


def test_bars_that_do_not_fit_are_averaged_over_the_axis_that_matters_least(results: Results) -> None:
    assert facets.fit(results, ("clients", "cut_layer", "aggregation"), "step_p50_s", 8) == (
        "clients",
        "cut_layer",
        "aggregation",
    )
    assert facets.fit(results, ("clients", "cut_layer", "aggregation"), "uplink_bytes_per_step", 2) == ("cut_layer",)
