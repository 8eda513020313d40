"""Swapping states in and out of a compiled step: one set of variables, many clients.

A step takes far longer to compile than to run, and what is compiled is bound to its variables. Rather than build and
compile one per client, a process has one step for all of its clients, and what makes them different (weights, optimizer
slots, the seeds of dropout) moves in and out of its variables: `StateSwap.load(client)` saves whatever is in them for
the client whose it is, and writes this client's state; it does nothing if that is in them already, as it is wherever a
client has a process of its own. A client that has never been loaded begins with the first state. So whoever trains,
evaluates, reads or writes weights calls `load` first; a model that all clients share has one state, under a name of its
own. Several steps of the same kind, such as a server's replicas, may have the same clients: then each state is in one
of them, or in their common store, and in no two.
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
    client: Hashable | None = None


class StateStore:
    """Where the states are: in one of the variable_sets, or here. `lock` is held while any of them moves."""

    def __init__(self, first: State, variable_set: VariableSet) -> None:
        self.first = first  # of every client who has none yet
        self.states: dict[Hashable, State] = {}
        self.variable_sets = [variable_set]
        self.lock = threading.Lock()

    def clear(self, variable_set: VariableSet) -> None:
        """Take the state out of a variable_set, whose variables are free then."""
        if variable_set.client is not None:
            self.states[variable_set.client] = variable_set.read()
            variable_set.client = None


class StateSwap:
    """Moves the states of many clients in and out of one set of variables.

    Only one thread uses the variables at a time, and no two use the state of the same client: their callers hold locks.
    """

    def __init__(self, variables: Sequence[keras.Variable]) -> None:
        """Take the variables' present values as every client's first state."""
        values = [variable.value for variable in variables]
        self._variables = VariableSet(values, *_compile(values))
        self._built: State = self._variables.read()
        self.store = StateStore(list(self._built), self._variables)

    def share(self, store: StateStore) -> None:
        """Have the clients of another set of such variables from now on; both must be new, or restarted alike."""
        self.store = store
        store.variable_sets.append(self._variables)

    def load(self, client: Hashable) -> bool:
        """Bring the client's state into the variables, its predecessor's out; returns whether it had to be moved."""
        with self.store.lock:
            if client == self._variables.client:
                return False
            for variable_set in self.store.variable_sets:
                if variable_set is self._variables or variable_set.client == client:
                    self.store.clear(variable_set)
            state = self.store.states.pop(client, self.store.first)
            self._variables.client = client
        self._variables.write(state)
        return True

    def peek(self, client: Hashable) -> State:
        """Return the client's state from wherever it is, and leave it there."""
        with self.store.lock:
            for variable_set in self.store.variable_sets:
                if variable_set.client == client:
                    return variable_set.read()
            return list(self.store.states.get(client, self.store.first))

    def export(self, client: Hashable) -> list[Array]:
        """Return the whole state of a client, one array per variable."""
        return [value.numpy() for value in self.peek(client)]

    def restore(self, client: Hashable, state: Sequence[Array]) -> None:
        """Give a client the whole state of another."""
        self.load(client)
        self._variables.write([tf.constant(value) for value in state])

    def restart(self, values: Sequence[Array]) -> None:
        """Forget all clients; a first state is again what it was, but begins with these values."""
        new = [tf.constant(value) for value in values]
        self._variables.client = None
        self.store = StateStore([*new, *self._built[len(new) :]], self._variables)
        self._variables.write(self.store.first)

    def replace_first(self, values: Sequence[Array]) -> None:
        """Replace the first variables of everybody's state, of clients yet to come too."""
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
