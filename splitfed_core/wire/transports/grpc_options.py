"""What both ends of gRPC share: the names of the services, and the options of their channels."""

from typing import Any

from splitfed_core.wire._pb.splitfed.v1 import splitfed_pb2 as pb

MAIN: str = pb.DESCRIPTOR.services_by_name["MainService"].full_name
FED: str = pb.DESCRIPTOR.services_by_name["FedService"].full_name
CLOCK: str = pb.DESCRIPTOR.services_by_name["ClockService"].full_name

UNLIMITED = -1


def options(max_message_bytes: int) -> list[tuple[str, Any]]:
    """Return the options of a channel or server; gRPC's own limit of 4 MiB is less than a batch at an early cut.

    Frame sizes, windows, lookahead and read chunks were measured and left as they are (docs/performance.md).
    """
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.so_reuseport", 0),  # two servers never share a port
    ]
