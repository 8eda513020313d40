"""Who is named first, and who only by chance: numbers worked out by hand."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from analysis.findings import winners
from analysis.results.load import Results
from analysis.results.pareto_front import front_of
from tests.analysis.findings.sentences import message

Made = Callable[..., Results]


def test_the_fastest_cell_is_named_where_most_resamples_agree(made: Made) -> None:
    results = made({"clients": (1, 2)}, samples_per_s=lambda c: 100 * c["clients"] + c["repeat"])
    headline, sure = message(winners.fastest(results))
    assert headline == "Fastest: 2 clients with 201 samples/s, 1.99× the slowest cell."
    assert sure == (
        "First in 100 % of the resamples of repeats. Slowest: 1 client with 101 samples/s. Means of 3 repeats per cell."
    )


def test_nobody_is_the_fastest_by_chance(made: Made) -> None:
    """Each of four cells is fastest in one repeat; the last has the best mean by a hair, and wins 91 of 256 draws."""
    results = made(
        {"clients": (1, 2, 3, 4)},
        repeats=4,
        samples_per_s=lambda c: 100.0 + (12 + 0.1 * c["clients"]) * (c["clients"] == c["repeat"] + 1),
    )
    headline, sure = message(winners.fastest(results))
    assert headline == "No cell is clearly the fastest; by its mean it is 4 clients with 103 samples/s."
    share = float(sure.removeprefix("First in ").partition(" %")[0])
    assert share == pytest.approx(100 * 91 / 256, abs=3 * 1.6)


def test_first_to_a_target_needs_it_in_every_repeat(made: Made) -> None:
    results = made({"clients": (1, 2, 3)})
    lines = [
        {"run": "r", "cell_id": str(n), "repeat": k, "round": i, "eval_accuracy": share, "elapsed_s": i * n,
         "total_bytes": 1000 * i * n}
        for n in (1, 2, 3) for k in range(3) for i, share in ((1, 0.5), (2, 0.3 if n == 1 and k == 0 else 0.96))
    ]  # fmt: skip
    results = replace(results, rounds=pd.DataFrame(lines))
    headline, sure = message(winners.first_to_target(results))
    assert headline == "First to 95 % test accuracy: 2 clients, after 4 s of training and 4 kB."
    assert sure == (
        "First in 100 % of the resamples of repeats. 1 of 3 cells did not get there in every repeat. "
        "Means of 3 repeats per cell."
    )


def test_nobody_is_first_to_a_target_that_no_cell_reaches_in_every_repeat(made: Made) -> None:
    results = made({"clients": (1, 2)}, repeats=2)
    lines = [
        {"run": "r", "cell_id": str(n), "repeat": k, "round": 1, "eval_accuracy": 0.96 if k else 0.2, "elapsed_s": 1.0,
         "total_bytes": 1000}
        for n in (1, 2) for k in (0, 1)
    ]  # fmt: skip
    assert winners.first_to_target(replace(results, rounds=pd.DataFrame(lines))) is None


def test_the_front_names_who_is_there_in_most_resamples(made: Made) -> None:
    """Cell 2 is more accurate than cell 1 by one of 100 test examples and costs more; cell 3 is beaten by all."""
    results = made(
        {"clients": (1, 2, 3)},
        final_eval_accuracy=lambda c: {1: 0.90, 2: 0.91, 3: 0.5}[c["clients"]],
        total_bytes=lambda c: 1000 * c["clients"],
        train_s=lambda c: float(c["clients"]),
        test_examples=lambda _: 100.0,
    )
    headline, sure = message(winners.front(results))
    assert headline.startswith(
        "Beaten by no other cell in accuracy, bytes and time together, in most resamples: 1 client (100 %)"
    )
    assert sure.startswith("Resamples of repeats and of the 100 test examples.")
    shares = dict(zip((1, 2, 3), front_of(results)["front_share"], strict=True))
    assert 0.45 < shares[2] < 0.65, "0.91 on 100 examples is more than 0.90 on 100 more in 55 of 100 tests"
    assert shares[3] == 0


def test_bytes_that_no_table_tells_apart_put_nobody_on_the_front(made: Made) -> None:
    sent = {1: 741_214, 2: 741_206, 3: 738_000}
    columns = {"final_eval_accuracy": lambda c: 1 - c["clients"] / 100, "train_s": lambda c: float(c["clients"])}
    cells = front_of(made({"clients": (1, 2, 3)}, total_bytes=lambda c: sent[c["clients"]], **columns))
    assert cells["on_front"].tolist() == [True, False, True]
    assert cells["front_share"].tolist() == [1.0, 0.0, 1.0]


def test_of_thousands_of_cells_only_those_near_the_front_are_resampled(made: Made) -> None:
    results = made(
        {"clients": tuple(range(1, 3001))},
        repeats=1,
        final_eval_accuracy=lambda _: 0.9,
        total_bytes=lambda c: float(c["clients"]),
        train_s=lambda c: float(c["clients"]),
    )
    cells = front_of(results)
    assert cells["clients"][cells["on_front"]].tolist() == [1]
    assert cells["front_share"].tolist() == [1.0] + [0.0] * 2999
