"""Mutual TLS of one run: an authority that lives in the driver's memory, and the certificates it gives its processes.

Nothing here is ever written to a disk; a certificate reaches a process as an argument.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID_DAYS = 30  # a sweep may take weeks; the keys are gone when it ends
_SKEW = timedelta(hours=1)  # hosts of a cluster need not agree on the time of day


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a process shows, and by what it knows the others of its run; all in PEM.

    Attributes:
        key: The private key; never printed.
        chain: The certificate.
        root: That of the run's authority.
    """

    key: bytes = field(repr=False)
    chain: bytes
    root: bytes

    def for_server(self) -> grpc.ServerCredentials:
        """Return credentials that take callers only with a certificate of the same run."""
        pairs = [(self.key, self.chain)]
        return grpc.ssl_server_credentials(pairs, root_certificates=self.root, require_client_auth=True)

    def for_caller(self) -> grpc.ChannelCredentials:
        """Return credentials that trust servers of the same run alone."""
        return grpc.ssl_channel_credentials(self.root, self.key, self.chain)


class Authority:
    """Signs the certificates of one run."""

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())
        self._name = _named("sfbench run")
        builder = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, 0), critical=True)
        self._root = builder.sign(self._key, SHA256())

    def server(self, host: str) -> Certificate:
        """Issue the certificate of a server that is called at this IP address."""
        at = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        return self._issue("server", ExtendedKeyUsageOID.SERVER_AUTH, at)

    def caller(self) -> Certificate:
        """Issue the certificate of those who call; no server can pose with it."""
        return self._issue("caller", ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def _issue(self, name: str, usage: x509.ObjectIdentifier, at: x509.SubjectAlternativeName | None) -> Certificate:
        key = generate_private_key(SECP256R1())
        builder = self._builder(_named(f"sfbench {name}"), key)
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        if at is not None:
            builder = builder.add_extension(at, critical=False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        signed = builder.sign(self._key, SHA256())
        return Certificate(private, signed.public_bytes(Encoding.PEM), self._root.public_bytes(Encoding.PEM))

    def _builder(self, subject: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + timedelta(days=_VALID_DAYS))
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
