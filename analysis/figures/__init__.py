"""Every figure: a function from `Results` to a matplotlib Figure, with its title and how to read it."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.figures.clients import labels
from analysis.figures.learning import loss
from analysis.figures.network import network, network_over_rounds
from analysis.figures.speed import speed, throughput
from analysis.layout import Choice
from analysis.load import Results
from splitfed_core.errors import UsageError

Draw = Callable[[Results, Choice], Figure]


@dataclass(frozen=True)
class Spec:
    """A figure of the report.

    Args:
        name: Its file name, and what `--figure` takes.
        title: What it shows.
        caption: How to read it.
        draw: Draws it; raises `NotShownError` with the reason when there is nothing to show.
    """

    name: str
    title: str
    caption: str
    draw: Draw


FIGURES: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec(
            "speed",
            "Step latency and samples per second",
            "Lines join means, dots are single repeats. Latency: lower is better; samples per second: higher is "
            "better.",
            speed,
        ),
        Spec(
            "throughput",
            "Steps per second and network throughput",
            "Steps of all clients per second of training, and bits per second of transfer time. Lines join means, "
            "dots are single repeats.",
            throughput,
        ),
        Spec(
            "loss",
            "Training loss over steps",
            "Mean of the clients' losses at their n-th step; the band is the 95 % interval over repeats. Lower is "
            "better.",
            loss,
        ),
        Spec(
            "network",
            "Uplink and downlink",
            "What one step sends up (smashed data and labels) and gets back (the gradient): its mean time and its "
            "serialised bytes.",
            network,
        ),
        Spec(
            "network_over_rounds",
            "Network throughput over rounds",
            "Bits of a round's steps divided by the time they were under way, on this machine's loopback. A flat "
            "line is a steady machine.",
            network_over_rounds,
        ),
        Spec(
            "labels",
            "Label distribution of the clients",
            "Training examples of each label that each client holds. Equal bars of equal colours are IID; "
            "anything else is skew.",
            labels,
        ),
    )
}


def figure(name: str) -> Spec:
    """Look a figure up.

    Raises:
        UsageError: There is no such figure; the message lists those there are.
    """
    if name not in FIGURES:
        raise UsageError(f"figure {name!r} does not exist; choose one of {', '.join(FIGURES)}")
    return FIGURES[name]
