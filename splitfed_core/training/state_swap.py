"""One set of variables, many owners: the state of whoever is loaded is in the variables.

A compiled step is bound to its variables. Rather than build and compile one per client, a process has one, and the
state of its clients (weights, optimizer slots, seeds) moves in and out. Several steps of the same kind may have the
same owners: then each state is at one of them, or on their common store.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from splitfed_core.arrays import Array

State = list[tf.Tensor]  # one tensor per variable


@dataclass(slots=True, eq=False)
class VariableSet:
    """A set of variables, and whose state is in them."""

    variables: list[tf.Variable]
    read: Callable[[], State]
    write: Callable[[State], None]
    owner: Hashable | None = None


class StateStore:
    """Where the states are: in one of the variable_sets, or here. `lock` is held while any of them moves."""

    def __init__(self, first: State, variable_set: VariableSet) -> None:
        self.first = first  # of every owner who has none yet
        self.states: dict[Hashable, State] = {}
        self.variable_sets = [variable_set]
        self.lock = threading.Lock()

    def clear(self, variable_set: VariableSet) -> None:
        """Take the state out of a variable_set, whose variables are free then."""
        if variable_set.owner is not None:
            self.states[variable_set.owner] = variable_set.read()
            variable_set.owner = None


class StateSwap:
    """Moves the states of many owners in and out of one set of variables.

    Only one thread uses the variables at a time, and no two use the state of the same owner: their callers hold locks.
    """

    def __init__(self, variables: Sequence[keras.Variable]) -> None:
        """Take the variables' present values as every owner's first state."""
        values = [variable.value for variable in variables]
        self._variables = VariableSet(values, *_compile(values))
        self._built: State = self._variables.read()
        self.store = StateStore(list(self._built), self._variables)

    def share(self, store: StateStore) -> None:
        """Have the owners of another set of such variables from now on; both must be new, or restarted alike."""
        self.store = store
        store.variable_sets.append(self._variables)

    def load(self, owner: Hashable) -> bool:
        """Bring the owner's state into the variables, its predecessor's out; returns whether it had to be moved."""
        with self.store.lock:
            if owner == self._variables.owner:
                return False
            for variable_set in self.store.variable_sets:
                if variable_set is self._variables or variable_set.owner == owner:
                    self.store.clear(variable_set)
            state = self.store.states.pop(owner, self.store.first)
            self._variables.owner = owner
        self._variables.write(state)
        return True

    def peek(self, owner: Hashable) -> State:
        """Return the owner's state from wherever it is, and leave it there."""
        with self.store.lock:
            for variable_set in self.store.variable_sets:
                if variable_set.owner == owner:
                    return variable_set.read()
            return list(self.store.states.get(owner, self.store.first))

    def export(self, owner: Hashable) -> list[Array]:
        """Return the whole state of an owner, one array per variable."""
        return [value.numpy() for value in self.peek(owner)]

    def restore(self, owner: Hashable, state: Sequence[Array]) -> None:
        """Give an owner the whole state of another."""
        self.load(owner)
        self._variables.write([tf.constant(value) for value in state])

    def restart(self, values: Sequence[Array]) -> None:
        """Forget all owners; a first state is again what it was, but begins with these values."""
        new = [tf.constant(value) for value in values]
        self._variables.owner = None
        self.store = StateStore([*new, *self._built[len(new) :]], self._variables)
        self._variables.write(self.store.first)

    def replace_first(self, values: Sequence[Array]) -> None:
        """Replace the first variables of everybody's state, of owners yet to come too."""
        new = [tf.constant(value) for value in values]
        with self.store.lock:
            for state in (self.store.first, *self.store.states.values()):
                state[: len(new)] = new
            for variable_set in self.store.variable_sets:
                for variable, value in zip(variable_set.variables, new, strict=False):
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
