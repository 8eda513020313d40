"""What both ends of gRPC share: the names of the services, and the options of their channels."""

from typing import Any

from splitfed_core.wire._pb import splitfed_pb2 as pb

MAIN: str = pb.DESCRIPTOR.services_by_name["MainServer"].full_name
FED: str = pb.DESCRIPTOR.services_by_name["FedServer"].full_name

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", -1),  # a batch at an early cut has tens of MB
    ("grpc.max_receive_message_length", -1),
    ("grpc.so_reuseport", 0),  # two servers never share a port
]
