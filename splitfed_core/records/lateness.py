"""Whether a host kept up with what it emulated, and with how many clients it could."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Column = Callable[[str], npt.NDArray[np.float64]]

MOST_LATE = 0.05
"""An emulated cell of whose steps a larger share was late shows the host, not what it emulates."""


def lateness(steps: Column, rounds: Column, cores: int | None) -> dict[str, float]:
    """Return which share of the timed steps of an emulated cell was late, whether that is too much, and what would fit.

    How many clients the host can hold is an estimate from busy cores. What all processes computed in rounds without
    warm-up (in all, if there is none), over the time that clients were in steps, is the part of a core that a client
    keeps busy: they fit until no core is left. Time that was late is left out of it, for it is what too many clients
    wait for cores.

    Args:
        steps: Columns of `steps.csv`.
        rounds: Columns of `rounds.csv`.
        cores: Of the host, where that is known.
    """
    step_s, late_s, timed = steps("step_s"), steps("late_s"), steps("warmup") == 0
    emulated = ~np.isnan(late_s)
    share = _ratio(late_s[emulated & timed].sum(), step_s[emulated & timed].sum())
    made = {"late_share": share, "late": float("nan") if np.isnan(share) else float(share > MOST_LATE)}
    if not cores or not emulated.any():
        return made | {"clients_held": float("nan")}
    warm = np.isin(rounds("round"), steps("round")[~timed], invert=True)
    counted = warm if warm.any() else np.ones(len(warm), bool)
    busy_s = sum(
        float(np.nansum(rounds(f"{role}_cpu_s")[counted])) for role in ("clients", "main_server", "fed_server")
    )
    within = emulated & np.isin(steps("round"), rounds("round")[counted])
    on_time_s = float(np.maximum(step_s - late_s, 0.0)[within].sum())
    return made | {"clients_held": max(np.floor(_ratio(cores * on_time_s, busy_s)), 1.0)}


def what_fits(held: float | None, clients: float) -> str:
    """Say how many of a round's clients a host can hold, where that is known."""
    if held is None or np.isnan(held):
        return ""
    if held >= clients:
        return f"this host should hold its {clients:.0f} clients, so something else kept it busy"
    return f"this host can hold some {held:.0f} of its {clients:.0f} clients at a time"


def _ratio(value: float, of: float) -> float:
    return float(value) / float(of) if of > 0 else float("nan")
