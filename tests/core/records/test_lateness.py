"""Whether a host kept up with what it emulated."""

import math

import numpy as np
import pytest

from splitfed_core.records.lateness import lateness, what_fits
from splitfed_core.records.rows import CellSummary
from splitfed_core.records.summary import cell_numbers, cell_summary

NAN = math.nan
STEPS = {
    "round": [0, 0, 1, 1, 1, 1],
    "warmup": [1, 0, 0, 0, 0, 0],
    "step_s": [9.0, 2.0, 2.0, 2.0, 2.0, 2.0],
    "late_s": [9.0, 0.0, 0.5, 0.0, 0.0, 0.5],
}
ROUNDS = {
    "round": [0, 1],
    "clients_cpu_s": [50.0, 2.5],
    "main_server_cpu_s": [50.0, 0.75],
    "fed_server_cpu_s": [NAN, 0.25],
}


def numbers(late_s: list[float] | None = None, cores: int | None = 2, **rounds: list[float]) -> dict[str, float]:
    steps = STEPS | ({} if late_s is None else {"late_s": late_s})
    columns = ROUNDS | rounds
    return lateness(lambda name: np.array(steps[name], float), lambda name: np.array(columns[name], float), cores)


def test_the_late_share_is_of_the_timed_steps() -> None:
    assert numbers()["late_share"] == 1.0 / 10.0


def test_clients_fit_until_the_cores_are_busy_with_what_one_keeps_busy_on_time() -> None:
    # 3.5 s of computing in the round without warm-up, over 7 s of its steps on time: half a core for a client
    assert numbers()["clients_held"] == 4.0
    assert numbers(cores=8)["clients_held"] == 16.0
    assert numbers([NAN, *[0.0] * 5])["clients_held"] == 4.0  # 2 · 8 / 3.5 is 4.57
    alone = numbers(clients_cpu_s=[NAN, 4.0], main_server_cpu_s=[0.0, NAN], fed_server_cpu_s=[0.0, NAN])
    assert alone["clients_held"] == 3.0  # 2 · 7 / 4 is 3.5


def test_where_each_round_warms_up_all_of_them_count() -> None:
    columns = STEPS | {"warmup": [1, 0, 1, 0, 0, 0]}
    made = lateness(lambda name: np.array(columns[name], float), lambda name: np.array(ROUNDS[name], float), 2)
    assert made["clients_held"] == 1.0  # one there is, for all that 2 · 9 / 103.5 says


def test_nothing_is_said_of_a_cell_that_emulates_nothing_or_of_a_host_without_cores() -> None:
    assert all(map(math.isnan, numbers([NAN] * 6).values()))
    assert math.isnan(numbers(cores=None)["clients_held"])
    assert numbers(cores=None)["late_share"] == 0.1


def test_what_fits_is_said_in_words() -> None:
    assert what_fits(3, 8) == "this host can hold some 3 of its 8 clients at a time"
    assert what_fits(8, 8) == "this host should hold its 8 clients, so something else kept it busy"
    assert what_fits(None, 8) == what_fits(NAN, 8) == ""


@pytest.mark.parametrize(("late_s", "late"), [(0.5, False), (0.500001, True), (NAN, None)])
def test_a_cell_is_flagged_beyond_five_per_cent(late_s: float, late: bool | None) -> None:
    def column(name: str) -> np.ndarray:
        return np.array([{"step_s": 10.0, "warmup": 0.0, "late_s": late_s, "round": 0.0}.get(name, NAN)])

    made = cell_numbers(column, column, lambda name: np.array([]), isolated=False)
    summary: CellSummary = cell_summary(made, status="ok", wall_s=1.0, workers_used=1)
    assert summary.late is late
