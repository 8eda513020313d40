"""One set of variables, many owners: the state of whoever is seated is in the variables.

A compiled step is bound to its variables. Rather than build and compile one per client, a process has one, and the
state of its clients (weights, optimizer slots, seeds) moves in and out. Several steps of the same kind may have the
same owners: then each state is at one of them, or on their common shelf.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

State = list[Any]  # one tensor per variable


@dataclass(slots=True, eq=False)
class Seat:
    """A set of variables, and whose state is in them."""

    variables: list[Any]
    read: Callable[[], State]
    write: Callable[[State], None]
    owner: Hashable | None = None


class Shelf:
    """Where the states are: in one of the seats, or here. `lock` is held while any of them moves."""

    def __init__(self, first: State, seat: Seat) -> None:
        self.first = first  # of every owner who has none yet
        self.states: dict[Hashable, State] = {}
        self.seats = [seat]
        self.lock = threading.Lock()

    def clear(self, seat: Seat) -> None:
        """Take the state out of a seat, whose variables are free then."""
        if seat.owner is not None:
            self.states[seat.owner] = seat.read()
            seat.owner = None


class StateSwap:
    """Moves the states of many owners in and out of one set of variables.

    Only one thread uses the variables at a time, and no two use the state of the same owner: their callers hold locks.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        """Take the variables' present values as every owner's first state."""
        values = [getattr(variable, "value", variable) for variable in variables]
        self._seat = Seat(values, *_compile(values))
        self._built: State = self._seat.read()
        self.shelf = Shelf(list(self._built), self._seat)

    def share(self, shelf: Shelf) -> None:
        """Have the owners of another set of such variables from now on; both must be new, or restarted alike."""
        self.shelf = shelf
        shelf.seats.append(self._seat)

    def load(self, owner: Hashable) -> bool:
        """Bring the owner's state into the variables, its predecessor's out; returns whether it had to be moved."""
        with self.shelf.lock:
            if owner == self._seat.owner:
                return False
            for seat in self.shelf.seats:
                if seat is self._seat or seat.owner == owner:
                    self.shelf.clear(seat)
            state = self.shelf.states.pop(owner, self.shelf.first)
            self._seat.owner = owner
        self._seat.write(state)
        return True

    def peek(self, owner: Hashable) -> State:
        """Return the owner's state from wherever it is, and leave it there."""
        with self.shelf.lock:
            for seat in self.shelf.seats:
                if seat.owner == owner:
                    return seat.read()
            return list(self.shelf.states.get(owner, self.shelf.first))

    def export(self, owner: Hashable) -> State:
        """Return the whole state of an owner, one array per variable."""
        return [value.numpy() for value in self.peek(owner)]

    def restore(self, owner: Hashable, state: State) -> None:
        """Give an owner the whole state of another."""
        self.load(owner)
        self._seat.write([tf.constant(value) for value in state])

    def restart(self, values: State) -> None:
        """Forget all owners; a first state is again what it was, but begins with these values."""
        new = [tf.constant(value) for value in values]
        self._seat.owner = None
        self.shelf = Shelf([*new, *self._built[len(new) :]], self._seat)
        self._seat.write(self.shelf.first)

    def replace_first(self, values: State) -> None:
        """Replace the first variables of everybody's state, of owners yet to come too."""
        new = [tf.constant(value) for value in values]
        with self.shelf.lock:
            for state in (self.shelf.first, *self.shelf.states.values()):
                state[: len(new)] = new
            for seat in self.shelf.seats:
                for variable, value in zip(seat.variables, new, strict=False):
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
