"""Servers that listen beyond their host: real TLS between real servers and callers."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from cryptography import x509

from splitfed_core.arrays import Array
from splitfed_core.errors import ConfigError, RemoteError
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.security.tls import Authority, Certificate
from splitfed_core.wire.transports.addresses import PublicAddress
from splitfed_core.wire.transports.grpc_client import Endpoints, connect
from splitfed_core.wire.transports.grpc_server import RpcServer

TOKEN = "the-token-of-this-run"
HOST = "127.0.0.3"  # not where anything listens by default
MODEL = np.arange(6, dtype=np.float32)


class Adding:
    """A main server that only predicts."""

    kinds = frozenset({Kind.PREDICT})

    def handle(self, call: Call[Array]) -> Reply[Array]:
        return Reply((call.tensors[0] + call.address.client_id,))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[RpcServer]:
    exposed = PublicAddress(HOST, authority.server(HOST))
    with RpcServer(token=TOKEN, callers=2, main=server_gate(Adding()), exposed=exposed) as running:
        yield running


def predict(server: RpcServer, certificate: Certificate | None, token: str = TOKEN, name: str = "grpc") -> list[float]:
    """Call from a new connection."""
    main, _ = connect(name, Endpoints(server.address, None, token, 5.0, certificate=certificate))
    assert main is not None
    try:
        reply = client_stack(main, Counters()).exchange(Call(Kind.PREDICT, Address(10), (MODEL,)))
        return [float(value) for value in reply.tensors[0]]
    finally:
        main.close()


@pytest.mark.parametrize("name", ["grpc", "grpc-stream"])
def test_a_caller_of_the_same_run_is_served(name: str, server: RpcServer, authority: Authority) -> None:
    assert server.address.startswith(f"{HOST}:")
    assert predict(server, authority.caller(), name=name) == [10, 11, 12, 13, 14, 15]


def test_a_certificate_without_the_token_is_refused(server: RpcServer, authority: Authority) -> None:
    with pytest.raises(RemoteError, match="UNAUTHENTICATED"):
        predict(server, authority.caller(), token="another")


def test_a_caller_without_tls_is_refused(server: RpcServer) -> None:
    with pytest.raises(RemoteError, match="UNAVAILABLE"):
        predict(server, None)


def test_a_caller_without_a_certificate_is_refused(server: RpcServer, authority: Authority) -> None:
    trusting = grpc.ssl_channel_credentials(authority.caller().root)
    with grpc.secure_channel(server.address, trusting) as channel:
        call: Any = channel.unary_unary("/splitfed.v1.MainService/Predict")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_the_certificate_of_another_run_is_refused(server: RpcServer, authority: Authority) -> None:
    stranger, own = Authority().caller(), authority.caller()
    for certificate in (
        stranger,  # trusts another server
        Certificate(stranger.key, stranger.chain, own.root),  # would trust this one, is not trusted by it
    ):
        with pytest.raises(RemoteError, match="UNAVAILABLE"):
            predict(server, certificate)


def test_a_server_cannot_pose_at_another_address_nor_a_caller_as_a_server(authority: Authority) -> None:
    for shown in (authority.server("127.0.0.9"), authority.caller()):
        with (
            RpcServer(token=TOKEN, callers=1, main=server_gate(Adding()), exposed=PublicAddress(HOST, shown)) as server,
            pytest.raises(RemoteError, match="UNAVAILABLE"),
        ):
            predict(server, authority.caller())


def test_keys_are_neither_printed_nor_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    certificate = authority.server(HOST)
    with RpcServer(
        token=TOKEN, callers=1, main=server_gate(Adding()), exposed=PublicAddress(HOST, certificate)
    ) as server:
        assert predict(server, authority.caller())[0] == 10
        assert list(tmp_path.rglob("*")) == []
    assert "PRIVATE" not in repr(certificate)


def test_a_certificate_outlives_a_sweep_but_not_by_years(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.caller().chain)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 30


def test_an_address_of_another_host_is_refused_in_words(authority: Authority) -> None:
    elsewhere = "203.0.113.1"  # reserved for documentation
    with pytest.raises(ConfigError, match=r"cannot listen on 203\.0\.113\.1: .* --node-ip-address"):
        RpcServer(
            token=TOKEN,
            callers=1,
            main=server_gate(Adding()),
            exposed=PublicAddress(elsewhere, authority.server(elsewhere)),
        )
