"""A layer that changes nothing: the base of those that do."""

from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from splitfed_core.wire.call import Call, Kind, Reply
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.transports.base import Service, Transport

T = TypeVar("T")


class Layer(Generic[T]):
    """A transport round another one; override `exchange`."""

    def __init__(self, inner: Transport[T]) -> None:
        self.inner = inner

    def exchange(self, call: Call[T]) -> Reply[T]:
        """Pass the call on and its reply back."""
        return self.inner.exchange(call)

    def close(self) -> None:
        """Close what it is round."""
        self.inner.close()


class Gate(Generic[T]):
    """A service round another one, for what a layer needs on the server's side; override `handle`."""

    def __init__(self, inner: Service[T]) -> None:
        self.inner = inner

    @property
    def kinds(self) -> frozenset[Kind]:
        """The calls that the service takes."""
        return self.inner.kinds

    def handle(self, call: Call[T]) -> Reply[T]:
        """Pass the call on and its reply back."""
        return self.inner.handle(call)


MakeLayer: TypeAlias = Callable[[Transport[EncodedTensor]], Transport[EncodedTensor]]
"""Puts a layer round a transport."""

MakeGate: TypeAlias = Callable[[Service[EncodedTensor]], Service[EncodedTensor]]
"""Puts a gate round a service."""
