"""What both sides remember of each example, so that only its change since its last visit is sent.

AQ-SGD: Wang et al., "Fine-tuning Language Models over Slow Networks using Activation Quantization with Guarantees",
NeurIPS 2022 (arXiv 2206.01299). A client's call says which version of the memory it was encoded against, which counts
the client's recorded exchanges, and of which of its examples the rows are. First visits travel raw, the changes of the
others quantised. Both sides add what was decoded, so they remember the same bits.

Neither side takes new values over before it knows that the other has them: the client when it has the reply, the server
when the client's next call is of the next version. A call of the same version as before takes the place of one whose
reply was lost.
"""

from dataclasses import dataclass, field

import numpy as np

from splitfed_core.arrays import Array, IndexArray
from splitfed_core.errors import RemoteError
from splitfed_core.wire.codecs.base import SAME, Codec, EncodedTensor, Limit, checked_size, described, dtype_name
from splitfed_core.wire.codecs.raw import RAW

_ID = np.dtype("<u4")


def header_bytes(examples: int) -> int:
    """Return what a call has beside the rows of so many examples: a version, and their numbers."""
    return _ID.itemsize * (1 + examples)


class LastValues:
    """The last value of each of a client's examples in one tensor."""

    def __init__(self, examples: int) -> None:
        self.seen = np.zeros(examples, bool)
        self.values: Array = np.zeros((0,), np.float32)
        self.staged: tuple[IndexArray, Array] | None = None

    def of(self, ids: IndexArray) -> Array:
        """Return the values of examples that were seen."""
        return np.asarray(self.values[ids])

    def commit(self) -> None:
        """Take the staged values over."""
        if self.staged is None:
            return
        ids, rows = self.staged
        if self.values.shape[1:] != rows.shape[1:] or not len(self.values):
            self.values = np.zeros((len(self.seen), *rows.shape[1:]), rows.dtype)
        self.values[ids], self.seen[ids], self.staged = rows, True, None


@dataclass(eq=False)
class ExampleMemory:
    """One side's memory of one client; a checkpoint takes `version`, and `seen` and `values` of each tensor.

    Attributes:
        examples: How many the client has.
        most_bytes: How many an example has in a tensor at most.
        version: How many exchanges are recorded.
        ids: The examples of the exchange that is under way.
        tensors: By name.
    """

    examples: int
    most_bytes: int
    version: int = 0
    ids: IndexArray | None = None
    tensors: dict[str, LastValues] = field(default_factory=dict)

    def begin(self, ids: IndexArray) -> None:
        """Begin an exchange of these examples; its values take the place of what was not recorded of the last one."""
        self.ids = ids

    def record(self) -> None:
        """Know that both sides have the values of the exchange under way."""
        for tensor in self.tensors.values():
            tensor.commit()
        self.version += 1

    def last(self, name: str) -> LastValues:
        """Return what is remembered of a tensor."""
        return self.tensors.setdefault(name, LastValues(self.examples))

    def header(self) -> bytes:
        """Return what a call begins with: the version, and the examples."""
        return np.uint32(self.version).astype(_ID).tobytes() + self._ids().astype(_ID).tobytes()

    def begin_with_header(self, tensor: EncodedTensor) -> memoryview:
        """At the server: begin an exchange as a call's header says; returns the rest of the payload.

        Raises:
            RemoteError: The two sides do not remember the same, or these are not examples of the client.
        """
        rows = tensor.shape[0] if tensor.shape else 0
        size = header_bytes(rows)
        if tensor.num_bytes < size:
            raise RemoteError(f"{tensor.num_bytes} bytes are too few for the numbers of {rows} examples: {SAME}")
        version, *_ = header = np.frombuffer(tensor.payload, _ID, 1 + rows)
        ids = header[1:].astype(np.int64)
        if rows and (ids.max() >= self.examples or len(np.unique(ids)) != rows):
            raise RemoteError(f"its rows are not {rows} different examples of the client's {self.examples}: {SAME}")
        if version == self.version + 1:
            self.record()
        if version != self.version:
            raise RemoteError(
                f"it is a change to version {version} of the memory, but this side has version {self.version}: {SAME}"
            )
        self.begin(ids)
        return memoryview(tensor.payload)[size:]

    def encode(self, name: str, array: Array, quantiser: Codec, rng: np.random.Generator | None) -> list[bytes]:
        """Encode the rows of the exchange under way: first visits, then the changes of the others."""
        last, ids = self.last(name), self._ids()
        seen = last.seen[ids]
        rows = np.array(array)
        parts = [np.ascontiguousarray(array[~seen], array.dtype.newbyteorder("<")).tobytes()]
        if seen.any():
            before = last.of(ids[seen])
            changes = quantiser.encode(array[seen] - before, rng)
            rows[seen] = before + quantiser.decode(changes)
            parts.append(bytes(changes.payload))
        last.staged = ids, rows
        return parts

    def decode(self, name: str, tensor: EncodedTensor, payload: memoryview, quantiser: Codec, limit: Limit) -> Array:
        """Decode the rows of the exchange under way.

        Raises:
            RemoteError: They are not what `encode` makes.
        """
        last, ids = self.last(name), self._ids()
        size = checked_size(tensor, limit)
        if tensor.shape[:1] != (len(ids),) or size > len(ids) * self.most_bytes:
            rule = f"rows of {len(ids)} examples of at most {self.most_bytes} bytes each"
            raise RemoteError(f"{described(tensor)} are not {rule}: {SAME}")
        seen = last.seen[ids]
        example, new = tensor.shape[1:], int((~seen).sum())
        raw_bytes = RAW.num_bytes((new, *example), tensor.numpy_dtype())
        first = EncodedTensor(tensor.dtype, (new, *example), RAW.name, payload[:raw_bytes])
        rows = np.empty(tensor.shape, tensor.numpy_dtype())
        rows[~seen] = RAW.decode(first, limit)
        if seen.any():
            before = last.of(ids[seen])
            if before.shape[1:] != example or dtype_name(before.dtype) != tensor.dtype:
                raise RemoteError(f"{described(tensor)} is not how these examples were sent before: {SAME}")
            changes = EncodedTensor(tensor.dtype, before.shape, quantiser.name, payload[raw_bytes:])
            rows[seen] = before + quantiser.decode(changes, limit)
        elif len(payload) != raw_bytes:
            raise RemoteError(f"{len(payload)} bytes came for rows of {raw_bytes}: {SAME}")
        last.staged = ids, rows
        return rows

    def _ids(self) -> IndexArray:
        if self.ids is None:
            raise RemoteError(f"delta needs to know which examples these are: {SAME}")
        return self.ids
