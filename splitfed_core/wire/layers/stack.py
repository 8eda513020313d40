"""What is between a role and the wire, on both sides, as two lists from the wire up."""

from collections.abc import Sequence
from functools import partial

from splitfed_core.arrays import Array
from splitfed_core.timing.pace import NO_PACE, Pace
from splitfed_core.wire.clock import NO_OFFSET, ClockOffset
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.base import MakeGate, MakeLayer
from splitfed_core.wire.layers.clock_shift import ClockShiftLayer
from splitfed_core.wire.layers.codec import RAW_CODER, CodecGate, CodecLayer, Coder
from splitfed_core.wire.layers.counters import Counters, CountingLayer
from splitfed_core.wire.transports.base import Service, Transport


def client_stack(
    transport: Transport[EncodedTensor],
    counters: Counters,
    clock: ClockOffset = NO_OFFSET,
    coder: Coder = RAW_CODER,
    more: Sequence[MakeLayer] = (),
    pace: Pace = NO_PACE,
) -> Transport[Array]:
    """Put the client's layers round a transport.

    Args:
        transport: The way to a server.
        counters: Count what goes over it.
        clock: How far the server's clock is ahead.
        coder: Says how arrays become tensors.
        more: Further layers, the first of them next to the others.
        pace: How long the client's coding takes beyond its own time.
    """
    layers: list[MakeLayer] = [
        partial(CountingLayer, counters=counters),
        *([] if clock == NO_OFFSET else [partial(ClockShiftLayer, clock=clock)]),
        *more,
    ]
    for put_round in layers:
        transport = put_round(transport)
    return CodecLayer(transport, coder, pace)


def server_gate(
    service: Service[Array], coder: Coder = RAW_CODER, more: Sequence[MakeGate] = ()
) -> Service[EncodedTensor]:
    """Put the server's gates, which mirror the client's layers, round a service.

    Args:
        service: The server.
        coder: Says how arrays become tensors.
        more: Further gates, the last of them next to the wire.
    """
    gate: Service[EncodedTensor] = CodecGate(service, coder)
    for put_round in more:
        gate = put_round(gate)
    return gate
