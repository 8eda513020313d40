from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from splitfed_core.config.choice import Named
from splitfed_core.errors import UsageError

GridOf = Callable[..., Grid]


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("clients: [3, 1, 2]", (3, 1, 2)),
        ("clients: {range: [2, 10], step: 4}", (2, 6, 10)),
        ("clients: {range: [2, 9], step: 4}", (2, 6)),
        ("clients: {range: [5, 5]}", (5,)),
        ("learning_rate: {range: [0.1, 0.3], step: 0.1}", (0.1, 0.2, 0.3)),
        ("learning_rate: {log: [0.001, 0.1], num: 3}", (0.001, 0.01, 0.1)),
        ("clients: {log: [1, 100], num: 3}", (1, 10, 100)),
        ("clients: {log: [1, 3], num: 9}", (1, 2, 3)),
        ("clients: {log: [2, 50]}", (2, 50)),
        ("batch_size: {pow2: [16, 128]}", (16, 32, 64, 128)),
        ("batch_size: {pow2: [1, 1]}", (1,)),
        ("aggregation: [on, off]", (True, False)),
        ("aggregation: ['off', yes]", (False, True)),
        ("participation: [1, 1.0, 0.5]", (1, 1.0, 0.5)),
        ("learning_rate: [1e-3, 1]", (0.001, 1.0)),
        ("cut_layer: [conv1, [conv1, dense2]]", ("conv1", ("conv1", "dense2"))),
    ],
)
def test_forms_of_an_axis(axis: str, values: tuple[Any, ...], grid_of: GridOf) -> None:
    ((_, parsed),) = grid_of(f"axes:\n  {axis}\n").axes.items()
    assert parsed == values
    assert list(map(type, parsed)) == list(map(type, values))


def test_a_choice_with_settings_keeps_them(grid_of: GridOf) -> None:
    grid = grid_of("axes: {partitioner: [iid, {name: dirichlet, alpha: 0.3}]}")
    assert [choice.plain() for choice in grid.axes["partitioner"] if isinstance(choice, Named)] == [
        "iid",
        {"name": "dirichlet", "alpha": 0.3},
    ]


def test_an_octal_looking_number_is_decimal(grid_of: GridOf) -> None:
    assert grid_of("axes: {clients: [010]}").axes["clients"] == (10,)


def test_axes_that_move_together_may_stand_still(grid_of: GridOf) -> None:
    assert grid_of("zip: {clients: [2, 2, 4], batch_size: [8, 16, 16]}").zips[0]["clients"] == (2, 2, 4)


@pytest.mark.parametrize("ends", ["[3, 16]", "[2, 12]", "[0, 16]", "[1.5, 16]", "[-2, 16]"])
def test_ends_that_are_no_powers_of_two_are_refused(ends: str, grid_of: GridOf) -> None:
    with pytest.raises(UsageError, match="is not a power of two"):
        grid_of(f"axes: {{batch_size: {{pow2: {ends}}}}}")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("{range: [1, 9], step: 0}", "step 0 must be a number above 0"),
        ("{log: [1, 9], num: 1}", "num 1 must be a whole number of at least 2"),
        ("{log: [0, 9], num: 3}", "a logarithmic axis must begin above 0"),
        ("{range: [1, 9], step: true}", "step True must be a number above 0"),
        ("{range: [1, 9], step: .nan}", "step nan must be a number above 0"),
        ("{range: [1, 9], step: .inf}", "step inf must be a number above 0"),
        ("{log: [1, 9], num: true}", "num True must be a whole number of at least 2"),
        ("{range: [9, 1]}", "needs two numbers, the smaller one first"),
        ("{range: [1, .inf]}", "needs two numbers, the smaller one first"),
        ("{range: [false, 9]}", "needs two numbers, the smaller one first"),
        ("{range: [1, true]}", "needs two numbers, the smaller one first"),
    ],
)
def test_a_short_form_that_has_no_end_is_refused(form: str, message: str, grid_of: GridOf) -> None:
    with pytest.raises(UsageError, match=message):
        grid_of(f"axes: {{learning_rate: {form}}}")
