import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.grid.expressions import Expression
from splitfed_core.config.choice import Named
from splitfed_core.errors import UsageError

CELL = {
    "clients": 8,
    "batch_size": 64,
    "cut_layer": "conv1",
    "cuts": ("conv1", "dense2"),
    "aggregation": False,
    "examples": None,
    "partitioner": Named.model_validate({"name": "dirichlet", "alpha": 0.3}),
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("clients * batch_size > 511", True),
        ("clients * batch_size > 512", False),
        ("2 < clients <= 8 < batch_size", True),
        ("clients in [2, 8]", True),
        ("cut_layer not in ('conv1', 'pool1')", False),
        ("aggregation == off", True),
        ("not aggregation and cut_layer == 'conv1'", True),
        ("aggregation or clients // 3 == 2", True),
        ("clients % 3 == 2 and -clients < 0", True),
        ("batch_size / clients == 8.0", True),
        ("partitioner == 'dirichlet' and partitioner.alpha < 0.5", True),
        ("partitioner.beta == null", True),
        ("cuts == ['conv1', 'dense2']", True),
        ("examples is None", True),
        ("examples > 5 or examples <= 5 or examples < 5 or examples >= 5", False),
        ("clients * examples > 0", False),
        ("'conv' in cut_layer", True),
        ("1e-3 < 0.01", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert Expression(text, CELL)(CELL) is holds


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "clients.__class__",
        "(lambda: 1)()",
        "[c for c in [1]]",
        "clients ** 9",
        "1 << 9",
        "clients if 1 else 2",
        "f'{clients}'",
        "(x := 1)",
        "clients[0]",
        "b'bytes'",
        "...",
        "{1: 2}",
        "nobody",
        "",
        "not " * 300 + "clients",
        "(" * 300 + "1" + ")" * 300,
        "1 + " * 400 + "1",
    ],
)
def test_everything_else_is_refused_before_it_is_computed(text: str) -> None:
    with pytest.raises(UsageError):
        Expression(text, CELL)


@pytest.mark.parametrize("text", ["cut_layer > 2", "cut_layer * 9", "clients / (clients - 8)", "9 in clients"])
def test_what_cannot_be_computed_says_so(text: str) -> None:
    with pytest.raises(UsageError, match=r"^condition .* cannot be computed"):
        Expression(text, CELL)(CELL)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("clients batch_ozr0123456789.+-*/%()<>=![]',andotix \n\t\0\\é")))
def test_no_text_gets_anything_but_an_answer_or_a_refusal(text: str) -> None:
    try:
        answer = Expression(text, CELL)(CELL)
    except UsageError:
        return
    assert answer in (True, False)


@pytest.mark.parametrize(
    ("text", "holds"),
    [("on", True), ("off", False), ("true", True), ("false", False), ("null is None", True), ("on == true", True),
     ("examples < 1", False), ("examples > 1", False), ("examples <= 1", False), ("1 >= examples", False),
     ("1 < examples", False), ("1 > examples", False), ("1 <= examples", False), ("examples >= 1", False),
     ("(clients > 9) == off", True), ("(clients < 9) == on", True),
     ("clients - 10 == -2", True), ("clients / 16 == 0.5", True), ("clients % 3 == 2", True),
     ("clients <= 8", True), ("clients < 8", False), ("clients >= 8", True), ("clients > 8", False),
     ("clients != 8", False), ("examples + 1 is null", True), ("1 * examples is not null", False)],
)  # fmt: skip
def test_words_and_operators_at_their_edges(text: str, holds: bool) -> None:
    assert Expression(text, CELL)(CELL) is holds


def test_a_condition_has_a_thousand_characters_at_most() -> None:
    assert Expression("clients".ljust(1000), CELL)(CELL)
    with pytest.raises(UsageError, match="a condition of 1001 characters; 1000 are allowed"):
        Expression("clients".ljust(1001), CELL)
