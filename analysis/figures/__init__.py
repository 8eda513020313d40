"""Every figure: a function from `Results` to a matplotlib Figure, with its title and how to read it."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.figures.clients import label_counts, resources, stragglers
from analysis.figures.codecs import break_even, codecs
from analysis.figures.deployment import fleets, link_times
from analysis.figures.learning import learning, loss, target
from analysis.figures.ledger import latency, phases
from analysis.figures.maps import codec_map, link_map
from analysis.figures.network import links, network, network_over_rounds
from analysis.figures.pareto import pareto
from analysis.figures.roles import Choice
from analysis.figures.speed import any_metric, scaling, speed, throughput
from analysis.figures.tradeoffs import effects, heatmap
from analysis.results.load import Results
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
            "codec_map",
            "Which codec on which link",
            "Of each column the green field is clearly the fastest; hatched ones are not clearly slower than the "
            "fastest, so take any of them; red ones are slower, by the factor below. The column at the right is what "
            "each codec costs in final test accuracy, in percentage points against raw; grey: no clear difference.",
            codec_map,
        ),
        Spec(
            "link_map",
            "Which cut on which link",
            "Of each column the green field is clearly the fastest; hatched ones are not clearly slower than the "
            "fastest, so take any of them; red ones are slower, by the factor below. Compared are pairs of repeats in "
            "cells alike in everything else, by 95 % intervals. Training time to an accuracy is also decided by how "
            "well a choice learns.",
            link_map,
        ),
        Spec(
            "link_times",
            "Step and round by link, measured",
            "Filled marks are means, dots single repeats, over emulated links in real time. Rings are what bytes, link "
            "and the step's own computing say that a step takes: a ring off its mark is time that the link does not "
            "explain, such as a busy host.",
            link_times,
        ),
        Spec(
            "fleets",
            "Mixed fleets: each kind of client",
            "How long clients train in a round by their own link and device, and how long they then send their model "
            "and wait for the others; dots are single clients. Who has the longest green bar sets the pace of all.",
            fleets,
        ),
        Spec(
            "codecs",
            "Accuracy against bytes, and compression, by codec",
            "Above: further left is fewer bytes for the same accuracy. Below: how many times smaller than with raw all "
            "bytes of a round are, models and labels included. Bands are 95 % intervals over repeats.",
            codecs,
        ),
        Spec(
            "break_even",
            "Below which bandwidth a codec pays",
            "The saved bits of a step over how much longer its encoding and decoding take than raw's, on the same "
            "device. On a link slower than the mark the codec saves time, on a faster one it costs time. Dotted: the "
            "links that were run.",
            break_even,
        ),
        Spec(
            "effects",
            "What each choice costs",
            "Each line compares two values of one axis over cells that are alike in everything else. Right of 1 "
            "the first value has more, left of 1 less; the bar is the 95 % interval over repeats, and where it "
            "crosses 1 the difference is not clear.",
            effects,
        ),
        Spec(
            "phases",
            "Where a step's time goes",
            "One bar per cell, its phases in the order of time: means over the steps between the quartiles of the "
            "step time, which add up to a step and withstand outliers; the same as shares on the right. Long waits "
            "for the main server mean that it is the bottleneck; long uplinks, that the cut sends much.",
            phases,
        ),
        Spec(
            "speed",
            "Step latency and training throughput",
            "Lines join means, dots are single repeats. Latency: lower is better; throughput: higher is better.",
            speed,
        ),
        Spec(
            "latency",
            "How step latency is spread",
            "Thin line: 5th to 95th percentile of all timed steps; thick: the middle half; circle: median. A "
            "percentile is drawn only where at least five steps lie beyond it. Left and short is better.",
            latency,
        ),
        Spec(
            "throughput",
            "Step rate and network throughput",
            "Steps of all clients per second of training, and bits per second of transfer time. Lines join "
            "means, dots are single repeats. Higher is better.",
            throughput,
        ),
        Spec(
            "scaling",
            "Scaling with the number of clients",
            "Samples per second of all clients relative to the fewest clients. On the dotted line, twice the "
            "clients train twice as fast; below it they wait for the main server or for the cores of this "
            "machine.",
            scaling,
        ),
        Spec(
            "heatmap",
            "One metric over two axes",
            "Each field is the mean of the cells there. Brighter is more.",
            heatmap,
        ),
        Spec(
            "network",
            "Uplink and downlink",
            "What one step sends up (smashed data and labels) and gets back (the gradient): its mean time and "
            "its serialised bytes, over this machine's loopback.",
            network,
        ),
        Spec(
            "network_over_rounds",
            "Network throughput over rounds",
            "Bits of a round's steps divided by the time they were under way, on this machine's loopback. A "
            "flat line is a steady machine; the band is the 95 % interval over repeats.",
            network_over_rounds,
        ),
        Spec(
            "links",
            "Prediction: the round over slower links",
            "A prediction from measured compute and counted bytes: the steps of a client one after the other, then its "
            "model to the fed server and back. Each message takes its bits divided by the bandwidth, or what loopback "
            "took at its quickest if that is longer. Clients work at the same time, each on a link of its own (with sl "
            "in turn). As measured on this host stay computing and waiting for the main server; left out are "
            "propagation delay, loss, changes of client and stragglers.",
            links,
        ),
        Spec(
            "loss",
            "Training loss over steps",
            "Mean of the clients' losses at their n-th step, on a logarithmic axis; the band is the 95 % "
            "interval over repeats. Lower is better.",
            loss,
        ),
        Spec(
            "learning",
            "Accuracy and loss by round, bytes and time",
            "The same training seen three ways: by round, by bytes sent, by training time (without warm-up and "
            "evaluation). The band is the 95 % interval over repeats. Further up is better for accuracy, "
            "further down for loss. The band of the accuracy "
            "holds what other test examples would change too.",
            learning,
        ),
        Spec(
            "target",
            "Time and bytes to a target accuracy",
            "What each cell needs until its test accuracy first reaches the target: the highest round figure "
            "that at least half of all repeats reach. Left is better; a cross at the right edge never got "
            "there.",
            target,
        ),
        Spec(
            "pareto",
            "Accuracy against bytes and time",
            "One mark per cell; further up and further left is better. Ringed cells are on the Pareto front in most "
            "resamples of repeats and of the test examples (the share is given; at most six are shown): no other cell "
            "is at least as good in accuracy, bytes and time together.",
            pareto,
        ),
        Spec(
            "stragglers",
            "Stragglers: each client's round",
            "How long each client trains in a round (its own steps, without those of clients it shares a worker "
            "with) and how long it then waits for the slowest. The dotted line "
            "is the median client; bars far above it hold everybody up.",
            stragglers,
        ),
        Spec(
            "resources",
            "Processor time and memory by role",
            "Processor time of a whole cell, and the peak resident memory of all processes of a role together.",
            resources,
        ),
        Spec(
            "labels",
            "Label distribution of the clients",
            "Training examples of each label that each client holds. Equal bars of equal colours are IID; "
            "anything else is skew.",
            label_counts,
        ),
    )
}
"""Every figure by its name, in the order of the report."""

METRIC = Spec(
    "metric",
    "The metric asked for",
    "Lines join means, dots are single repeats.",
    any_metric,
)
"""Drawn when `--metric` names one."""


def figure(name: str) -> Spec:
    """Look a figure up.

    Raises:
        UsageError: There is no such figure; the message lists those there are.
    """
    known = {**FIGURES, METRIC.name: METRIC}
    if name not in known:
        raise UsageError(f"figure {name!r} does not exist; choose one of {', '.join(known)}")
    return known[name]
