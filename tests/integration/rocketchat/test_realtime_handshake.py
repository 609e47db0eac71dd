"""Handshakes that fail, and what is logged of them."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from tests.support.scripted_workspace import (
    QUICK,
    Answer,
    open_client,
    open_port,
    open_workspace,
    serve_client,
    until,
)


def answering(text: str) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())
        await writer.drain()

    return answer


HANDSHAKES = {
    "HTTP 502": "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    "HTTP 200": "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
    "valid HTTP response": "SSH-2.0-OpenSSH_9.6\r\n",
    "redirects to wss://elsewhere.example:8443": (
        "HTTP/1.1 301 Moved\r\nLocation: wss://me:pw@elsewhere.example:8443/websocket\r\n\r\n"
    ),
    "redirects to another path": "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n",
}


@pytest.mark.parametrize(("reason", "text"), HANDSHAKES.items(), ids=HANDSHAKES)
async def test_a_refused_handshake_is_retried_and_logged_once_per_try(
    reason: str, text: str
) -> None:
    with capture_logs() as logs:
        async with open_port(answering(text)) as port, open_client(f"http://127.0.0.1:{port}"):
            await until(lambda: len(logs) >= 3)
    assert all(reason in log["reason"] for log in logs)
    assert [log["seconds_to_next_try"] for log in logs[:3]] == [0.01, 0.02, 0.04]


async def test_a_closed_port_is_tried_again() -> None:
    async with open_workspace(serve_client) as workspace:
        closed = workspace.url
    with capture_logs() as logs:
        async with open_client(closed) as client:
            await until(lambda: len(logs) >= 2)
            assert not client.realtime.is_live()
    assert "refused" in logs[0]["reason"] or "Connect call failed" in logs[0]["reason"]


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid", "ftp://127.0.0.1", "http://" + "x" * 70]
)
async def test_an_address_that_leads_nowhere_is_tried_again(url: str) -> None:
    with capture_logs() as logs:
        async with open_client(url):
            await until(lambda: len(logs) >= 2)
    assert {log["event"] for log in logs} == {"not listening"}


async def test_a_handshake_without_an_answer_times_out() -> None:
    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    with capture_logs() as logs:
        async with open_port(wait) as port:
            settings = replace(QUICK, connect_timeout_s=0.1)
            async with open_client(f"http://127.0.0.1:{port}", settings=settings):
                await until(lambda: len(logs) >= 2)
    assert logs[0]["reason"] == "no connection in 0.1 s"


async def test_an_untrusted_certificate_is_logged_and_tried_again(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(make_certificate(tmp_path))
    with capture_logs() as logs:
        async with (
            open_port(answering(""), tls) as port,
            open_client(f"https://127.0.0.1:{port}"),
        ):
            await until(lambda: len(logs) >= 2)
    assert logs[0]["reason"] == "the certificate is not trusted: self-signed certificate"


def make_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(encoding))
    return path
