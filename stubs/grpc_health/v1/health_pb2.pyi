class HealthCheckRequest:
    def __init__(self, service: str = ...) -> None: ...

class HealthCheckResponse:
    SERVING: int
    status: int
