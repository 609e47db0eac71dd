"""A workspace behind TLS of a private authority, and an HTTP proxy on the way to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "chat.example.test"
_PIECE_BYTES = 65536
_PEM = serialization.Encoding.PEM
_UNENCRYPTED = serialization.NoEncryption()
_PURPOSES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass
class Proxy:
    """A proxy that connects everybody to one port; ``requests`` are their heads."""

    url: str = ""
    status: int = 200
    requests: list[str] = field(default_factory=list)


def make_authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the file of an authority's certificate, and the context of one of its servers.

    The server's are ``server.pem`` and ``server.key``. Both certificates have what Python 3.13 and
    later want to see in them: what their keys are for, and the names of the keys.
    """
    key, authority_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    key_name = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _begin("Private authority", authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_allow("key_cert_sign"), critical=True)
        .add_extension(key_name, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_name)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName("localhost")])
    server = (
        _begin(HOST, key)
        .add_extension(_allow("digital_signature"), critical=True)
        .add_extension(signer, critical=False)
        .add_extension(names, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    files = [folder / name for name in ("ca.pem", "server.pem", "server.key")]
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, _UNENCRYPTED)
    pieces = (authority.public_bytes(_PEM), server.public_bytes(_PEM), private)
    for file, piece in zip(files, pieces, strict=True):
        file.write_bytes(piece)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[2])
    return files[0], context


def _begin(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """Return what both certificates have: for a day, signed by the private authority."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("Private authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _allow(purpose: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{each: each == purpose for each in _PURPOSES})


@asynccontextmanager
async def open_relay(
    port: int, *, tls: ssl.SSLContext | None = None, proxy: Proxy | None = None
) -> AsyncIterator[int]:
    """Pass on connections to a port; as TLS, or after the CONNECT of a proxy."""
    relaying: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if proxy is not None:
                head = await reader.readuntil(b"\r\n\r\n")
                proxy.requests.append(head.decode())
                writer.write(f"HTTP/1.1 {proxy.status} As told\r\n\r\n".encode())
                if proxy.status != 200:
                    writer.close()
                    return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relaying.add(asyncio.create_task(relay(reader, writer)))

    server = await asyncio.start_server(start, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        server.close()
        for task in relaying:
            task.cancel()
        await asyncio.gather(*relaying, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()
