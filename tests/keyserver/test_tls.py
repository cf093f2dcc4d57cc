"""The self-signed certificates: strict checks pass, the authority's key is gone, restarts reuse."""

import socket
import ssl
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509

from keyserver.processes import Process
from signotaur_keyserver.runtime.tls import ensure_self_signed


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_strict_client_accepts_it_by_every_name(data_dir: Path) -> None:
    with Process(data_dir, "--self-signed") as server:
        assert server.ready == {"url": server.url, "caFile": str(data_dir / "ca.pem")}
        assert server.url.startswith("https://127.0.0.1:")
        port = int(server.url.rpartition(":")[2])
        for name in ("localhost", "127.0.0.1", "::1"):
            context = ssl.create_default_context(cafile=data_dir / "ca.pem")
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                context.wrap_socket(plain, server_hostname=name) as secure,
            ):
                assert secure.version() == "TLSv1.3"
        for name in ("example.com", "127.0.0.2"):
            context = ssl.create_default_context(cafile=data_dir / "ca.pem")
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                pytest.raises(ssl.SSLCertVerificationError),
            ):
                context.wrap_socket(plain, server_hostname=name)


def _handshake(port: int, authority: Path, version: ssl.TLSVersion) -> str | None:
    context = ssl.create_default_context(cafile=authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.version()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(data_dir: Path) -> None:
    with Process(data_dir, "--self-signed") as server:
        port, authority = int(server.url.rpartition(":")[2]), data_dir / "ca.pem"
        assert _handshake(port, authority, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            _handshake(port, authority, ssl.TLSVersion.TLSv1_1)


def test_a_restart_keeps_what_clients_trust(tmp_path: Path) -> None:
    files = ensure_self_signed(tmp_path, ["127.0.0.1"])
    assert files.authority is not None
    before = [file.read_bytes() for file in sorted(tmp_path.iterdir())]
    ensure_self_signed(tmp_path, ["localhost"])
    assert [file.read_bytes() for file in sorted(tmp_path.iterdir())] == before
    assert len(before) == 3


def test_a_new_host_or_a_broken_file_makes_a_new_one(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, [])
    authority, server = tmp_path / "ca.pem", tmp_path / "server.pem"
    spoils: list[tuple[Callable[[], object], list[str]]] = [
        (lambda: None, ["keys.internal"]),
        ((tmp_path / "server-key.pem").unlink, []),
        (lambda: authority.write_text("torn"), []),
        (lambda: server.write_bytes(authority.read_bytes()), []),
    ]
    for spoil, names in spoils:
        before = authority.read_bytes()
        spoil()
        ensure_self_signed(tmp_path, names)
        assert (tmp_path / "ca.pem").read_bytes() != before
        assert stat.S_IMODE((tmp_path / "server-key.pem").stat().st_mode) == 0o600


def test_the_certificates_say_what_strict_clients_ask_for(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, ["keys.internal", "192.0.2.1"])
    authority, server = (
        x509.load_pem_x509_certificate((tmp_path / name).read_bytes())
        for name in ("ca.pem", "server.pem")
    )
    server.verify_directly_issued_by(authority)
    for certificate in (authority, server):
        for kind in (x509.BasicConstraints, x509.KeyUsage):
            assert certificate.extensions.get_extension_for_class(kind).critical
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "keys.internal"]
    lasts = server.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=800) < lasts < timedelta(days=826)
    # The authority can sign nothing more: its key was never written.
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "ca.pem",
        "server-key.pem",
        "server.pem",
    ]


def test_given_certificates_are_used(data_dir: Path, tmp_path: Path) -> None:
    files = ensure_self_signed(tmp_path, [])
    options = (f"--tls-cert={files.certificate}", f"--tls-key={files.key}")
    with Process(data_dir, *options) as server:
        assert server.ready["caFile"] is None
        answer = requests.get(f"{server.url}/healthz", verify=str(tmp_path / "ca.pem"), timeout=60)
        assert answer.ok
    assert not (data_dir / "ca.pem").exists()
