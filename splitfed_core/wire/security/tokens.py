"""Who may call: every call carries the token of its run."""

import hmac
import secrets
from collections.abc import Callable
from typing import Any

import grpc

_KEY = "authorization"


def new_token() -> str:
    """Return a random token for one run."""
    return secrets.token_urlsafe(32)


def credentials(token: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that a caller adds to each call."""
    return ((_KEY, f"Bearer {token}"),)


class TokenGuard(grpc.ServerInterceptor):
    """Refuses every call that does not carry the run's token.

    As if it were a stream, whatever was called: a unary call's message gRPC would wait for, in a thread of the pool.
    """

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        self._refusal: Any = grpc.stream_stream_rpc_method_handler(_refuse)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Pass the call on if its token is right."""
        given = dict(handler_call_details.invocation_metadata or ()).get(_KEY, "")
        if hmac.compare_digest(str(given).encode(), self._expected):
            return continuation(handler_call_details)
        return self._refusal


def _refuse(_requests: object, context: grpc.ServicerContext) -> None:
    context.abort(
        grpc.StatusCode.UNAUTHENTICATED,
        "the call does not carry this run's token; only its own processes may call",
    )
