"""What the emulated links should reach, each with the part of the benchmark that measures it."""

from benchmarks.own_cost.goals import Goal

GOALS = (
    Goal("tbf_median", "against tbf: median difference of a kind of message ÷ (2 % + 0.3 ms)", "lower", 1),
    Goal("tbf_worst", "against tbf: worst difference of a message ÷ (5 % + 1 ms)", "lower", 1),
    Goal("relay_median", "against the relay, delay included: median difference ÷ (2 % + 0.3 ms)", "lower", 1),
    Goal("relay_worst", "against the relay, delay included: worst difference ÷ (5 % + 1 ms)", "lower", 1),
    Goal("shared", "shared link: sum of the rates of 1…8 flows ÷ its rate, off from 1", "lower", 0.01),
    Goal("predicted", "step predicted from bytes, link and compute against measured", "lower", 5, unit="%"),
    Goal("seed", "same seed: draws and delivery times that differ", "lower", 0),
    Goal("layer", "step with the layer of a loopback link against without, upper bound", "lower", 1, unit="%"),
)


PARTS = ("witnesses", "shared", "layer", "seed", "predicted")
"""What can be measured by itself, from what needs a quiet machine most to what needs it least."""


def link_goal(name: str) -> Goal:
    """Return the goal of that name."""
    return next(goal for goal in GOALS if goal.name == name)
