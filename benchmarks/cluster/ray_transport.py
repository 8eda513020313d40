"""`transport: ray`: actor calls and Ray's object store instead of gRPC, so that the two can be compared.

Nothing is serialised by us: Ray pickles a call and puts its payload into shared memory. The bytes in the rows are
those that the message of gRPC would have.
"""

from dataclasses import replace
from time import perf_counter

from ray.exceptions import GetTimeoutError

from benchmarks.cluster.actors import ServerActor
from benchmarks.cluster.calls import result
from splitfed_core.errors import RemoteError
from splitfed_core.wire import messages
from splitfed_core.wire.call import Call, Reply, Transit
from splitfed_core.wire.codecs.base import EncodedTensor


class RayTransport:
    """A client's way to a server process through Ray."""

    def __init__(self, process: ServerActor, deadline_s: float) -> None:
        """Speak to a `ServerProcess`; a single call may take `deadline_s`."""
        self._process, self._deadline_s = process, deadline_s

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Call the process and wait for its reply.

        Raises:
            RemoteError: There was no answer in time.
            CellError: The process failed, or is gone.
        """
        sent = perf_counter()
        reference = self._process.handle.remote(call)
        try:
            reply = result(reference, self._deadline_s)
        except GetTimeoutError:
            raise RemoteError(
                f"{call.kind.label}: no answer from the server process in {self._deadline_s:g} s"
            ) from None
        arrived = perf_counter()
        answer = messages.reply_parts(call.kind, reply, over_link=call.deliver_s is not None)
        sizes = messages.size(messages.call_parts(call)), messages.size(answer)
        return replace(reply, transit=Transit(sent, arrived, *sizes))

    def close(self) -> None:
        """Nothing to end: the processes stay."""
