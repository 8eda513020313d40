import keras
import numpy as np
import pytest

from splitfed_core.training.state_swap import StateSwap


@pytest.fixture
def variable() -> keras.Variable:
    return keras.Variable([1.0, 2.0])


def test_every_owner_begins_with_the_first_state_and_keeps_its_own(variable: keras.Variable) -> None:
    state_swap = StateSwap([variable])
    for owner, value in (("a", 10.0), ("b", 20.0)):
        state_swap.load(owner)
        assert variable.numpy().tolist() == [1, 2]
        variable.assign(np.array([value, value + 1], np.float32))
    for owner, value in (("a", 10), ("b", 20), ("b", 20), ("a", 10)):
        state_swap.load(owner)
        assert variable.numpy().tolist() == [value, value + 1]


def test_a_state_handed_on_is_the_whole_state(variable: keras.Variable) -> None:
    slot = keras.Variable(5.0)
    state_swap = StateSwap([variable, slot])
    state_swap.load("a")
    variable.assign(np.array([3, 4], np.float32))
    slot.assign(6.0)
    state_swap.restore("b", state_swap.export("a"))
    assert [array.tolist() for array in state_swap.export("b")] == [[3, 4], 6]
    variable.assign(np.zeros(2, np.float32))  # b's; it shares nothing with a's
    assert [array.tolist() for array in state_swap.export("a")] == [[3, 4], 6]


def test_replacing_the_first_variables_reaches_everybody_and_leaves_the_rest(variable: keras.Variable) -> None:
    slot = keras.Variable(0.0)
    state_swap = StateSwap([variable, slot])
    for owner, value in (("absent", 1.0), ("loaded", 2.0)):
        state_swap.load(owner)
        slot.assign(value)
    state_swap.replace_first([np.array([7, 8], np.float32)])
    states = {owner: state_swap.export(owner) for owner in ("loaded", "absent", "new")}
    assert {owner: (list(state[0]), int(state[1])) for owner, state in states.items()} == {
        "loaded": ([7, 8], 2),
        "absent": ([7, 8], 1),
        "new": ([7, 8], 0),
    }


def test_a_state_is_at_one_of_several_sets_of_variables_and_goes_to_any() -> None:
    variables = [keras.Variable([1.0, 2.0]) for _ in range(2)]
    first, second = map(StateSwap, [[v] for v in variables])
    second.share(first.store)
    for owner, values in (("a", [3, 4]), ("b", [5, 6])):
        first.load(owner)
        variables[0].assign(np.array(values, np.float32))
    assert second.load("b")  # straight out of the other's variables
    assert variables[1].numpy().tolist() == [5, 6]
    variables[1].assign(np.array([7, 8], np.float32))
    second.load("a")
    assert first.load("b")
    assert [v.numpy().tolist() for v in variables] == [[7, 8], [3, 4]]
    first.replace_first([np.array([0, 1], np.float32)])
    assert [[array.numpy().tolist() for array in first.peek(owner)] for owner in "abc"] == [[[0, 1]]] * 3
    second.restart([np.array([1, 2], np.float32)])
    assert [[array.numpy().tolist() for array in r.peek("a")] for r in (first, second)] == [[[0, 1]], [[1, 2]]]


def test_loading_says_whether_a_state_had_to_be_moved(variable: keras.Variable) -> None:
    state_swap = StateSwap([variable])
    assert [state_swap.load(owner) for owner in ("a", "a", "b", "a")] == [True, False, True, True]
