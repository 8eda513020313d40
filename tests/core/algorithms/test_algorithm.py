"""An algorithm is a value that cannot contradict itself, known by one name."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from splitfed_core.aggregation import fedavg
from splitfed_core.algorithms import ALGORITHMS, register, trains_in_line
from splitfed_core.algorithms.sflv1 import average_copies
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import ConfigError


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"server": "body"}, "server 'body' does not fit cuts 1; give shared or copies"),
        (
            {"cuts": 0, "server": "none"},
            "an algorithm without a cut ignores 'cut_layer', and no other does",
        ),
        ({"ignored": frozenset({"cut_layer"})}, "an algorithm without a cut ignores 'cut_layer'"),
        ({"handover": "relay"}, "handover 'relay' averages nothing; ignore 'aggregation' and 'strategy'"),
        ({"average_copies": average_copies}, "server 'shared' has no copies to average"),
    ],
)
def test_a_value_that_contradicts_itself_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match="algorithm 'sflv2': ") as refused:
        replace(ALGORITHMS["sflv2"], **changes)
    assert problem in str(refused.value)


def test_a_name_stands_for_one_algorithm() -> None:
    assert register(ALGORITHMS["sl"]) is ALGORITHMS["sl"]
    with pytest.raises(ConfigError, match="'sl' is registered already; give yours another name"):
        register(replace(ALGORITHMS["sl"], paper="another"))


def test_the_copies_of_sflv1_are_averaged_as_models_are() -> None:
    rng = np.random.default_rng(3)
    copies = [([rng.random((3, 2), np.float32), rng.random(5, np.float32)], examples) for examples in (20, 13, 7)]
    for ours, theirs in zip(average_copies(copies), fedavg(copies), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_only_the_clients_of_sl_train_in_line() -> None:
    assert [name for name in (*ALGORITHMS, "unknown", None) if trains_in_line(name)] == ["sl"]


def test_the_parameter_is_said_by_the_error_of_a_combination() -> None:
    with pytest.raises(ConfigError, match="participation 9: there are 3 clients") as refused:
        CellConfig.parse({"participation": 9})
    assert refused.value.parameter == "participation"
