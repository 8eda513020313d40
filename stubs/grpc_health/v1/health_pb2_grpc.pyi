import grpc
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

class HealthStub:
    def __init__(self, channel: grpc.Channel) -> None: ...
    def Check(
        self,
        request: HealthCheckRequest,
        timeout: float | None = ...,
        metadata: tuple[tuple[str, str | bytes], ...] | None = ...,
    ) -> HealthCheckResponse: ...

def add_HealthServicer_to_server(servicer: HealthServicer, server: grpc.Server) -> None: ...
