"""What both ends of gRPC share: the names of the services, and the options of their channels."""

from splitfed_core.wire._pb.splitfed.v1 import splitfed_pb2 as pb
from splitfed_core.wire.call import Kind

MAIN: str = pb.DESCRIPTOR.services_by_name["MainService"].full_name
FED: str = pb.DESCRIPTOR.services_by_name["FedService"].full_name
CLOCK: str = pb.DESCRIPTOR.services_by_name["ClockService"].full_name

METHODS = {
    Kind.TRAIN_STEP: f"/{MAIN}/TrainStep",
    Kind.FORWARD_BODY: f"/{MAIN}/ForwardBody",
    Kind.BACKWARD_BODY: f"/{MAIN}/BackwardBody",
    Kind.END_ROUND: f"/{MAIN}/EndRound",
    Kind.PREDICT: f"/{MAIN}/Predict",
    Kind.PUSH_MODEL: f"/{FED}/Push",
    Kind.GET_AGGREGATE: f"/{FED}/GetAggregate",
}
"""The unary method of each kind of call."""

STREAM = f"/{MAIN}/TrainSteps"
"""All steps of a client."""

NOW = f"/{CLOCK}/Now"

UNLIMITED = -1


def options(max_message_bytes: int) -> list[tuple[str, int]]:
    """Return the options of a channel or server; gRPC's own limit of 4 MiB is less than a batch at an early cut.

    Frame sizes, windows, lookahead and read chunks were measured and left as they are (docs/performance.md).
    """
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.so_reuseport", 0),  # two servers never share a port
    ]
