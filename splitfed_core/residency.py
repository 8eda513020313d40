"""One set of variables, many owners: the state of whoever is seated is in the variables.

A compiled step is bound to its variables. Rather than build and compile one per client, a process has one, and the
state of its clients (weights, optimizer slots, seeds) moves in and out.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import tensorflow as tf

State = list[Any]  # one tensor per variable


class Residency:
    """Moves the states of many owners in and out of one set of variables. Not thread-safe: its user holds a lock."""

    def __init__(self, variables: Sequence[Any]) -> None:
        """Take the variables' present values as every owner's first state."""
        self._variables = [getattr(variable, "value", variable) for variable in variables]
        self._read, self._write = _compile(self._variables)
        self._built: State = self._read()
        self._first: State = list(self._built)
        self._states: dict[Hashable, State] = {}
        self._seated: Hashable | None = None

    def seat(self, owner: Hashable) -> bool:
        """Bring the owner's state into the variables, its predecessor's out; returns whether it had to be moved."""
        if owner == self._seated:
            return False
        if self._seated is not None:
            self._states[self._seated] = self._read()
        self._write(self._states.pop(owner, self._first))
        self._seated = owner
        return True

    def export(self, owner: Hashable) -> State:
        """Return the whole state of an owner, one array per variable."""
        self.seat(owner)
        return [value.numpy() for value in self._read()]

    def restore(self, owner: Hashable, state: State) -> None:
        """Give an owner the whole state of another."""
        self.seat(owner)
        self._write([tf.constant(value) for value in state])

    def restart(self, values: State) -> None:
        """Forget all owners; a first state is again what it was, but begins with these values."""
        new = [tf.constant(value) for value in values]
        self._first = [*new, *self._built[len(new) :]]
        self._states.clear()
        self._write(self._first)
        self._seated = None

    def replace_first(self, values: State) -> None:
        """Replace the first variables of everybody's state, of owners yet to come too."""
        new = [tf.constant(value) for value in values]
        for state in (self._first, *self._states.values()):
            state[: len(new)] = new
        for variable, value in zip(self._variables, new, strict=False):
            variable.assign(value)


def _compile(variables: Sequence[tf.Variable]) -> tuple[Callable[[], State], Callable[[State], None]]:
    """Build two graphs, so that a swap is two calls and not two per variable."""

    def read() -> State:
        return [tf.identity(variable) for variable in variables]

    def write(state: State) -> None:
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)

    return tf.function(read, autograph=False), tf.function(
        write, autograph=False, input_signature=[[tf.TensorSpec(v.shape, v.dtype) for v in variables]]
    )
