"""The surroundings of the TLS and proxy matrix: certificates, listeners, a real proxy."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from support.tls import Authority, Certificate

HOSTS = ("127.0.0.1", "signotaur.example.com")
USER = "build:correct"


class Certificates:
    """Two authorities, of which the first is the right one, and what they signed."""

    def __init__(self, folder: Path) -> None:
        self.right, self.other = Authority(folder / "right"), Authority(folder / "other", "Other")
        self._folder = folder

    def named(self, kind: str, host: str = HOSTS[0]) -> Certificate:
        """Return a certificate that is good, or has one fault."""
        if kind == "expired":
            return self.right.issue(host, ends=timedelta(minutes=-1))
        if kind == "not yet valid":
            return self.right.issue(host, starts=timedelta(minutes=10))
        if kind == "other host":
            return self.right.issue(HOSTS[1])
        return (self.other if kind == "other authority" else self.right).issue(host)

    def context(self, kind: str, host: str = HOSTS[0]) -> ssl.SSLContext:
        """Return how a server speaks; ``kind`` may also be a version of TLS."""
        files = self.named(kind, host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        if kind == "TLS 1.1":
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1_1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        if kind == "TLS 1.2":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context


def own_address() -> str:
    """Return an address of this machine that is not a loopback one, which no proxy serves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no address but its own loopback")
        address: str = probe.getsockname()[0]
    return address


@dataclass(frozen=True)
class Proxy:
    """A running tinyproxy."""

    port: int
    log: Path

    def url(self, user: str = "") -> str:
        """Return its address, for HTTPS_PROXY."""
        return f"http://{user}@127.0.0.1:{self.port}" if user else f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """What it logged."""
        return self.log.read_text()


@contextmanager
def tinyproxy(folder: Path, *lines: str) -> Iterator[Proxy]:
    """Run tinyproxy with these lines in its configuration."""
    program = shutil.which("tinyproxy")
    if program is None:
        pytest.skip("tinyproxy is not installed")
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    proxy = Proxy(port, folder / "log")
    proxy.log.touch(0o666)
    settings = [f"Port {port}", "Listen 127.0.0.1", "Timeout 60", "LogLevel Info"]
    settings += ["MaxClients 50", f'LogFile "{proxy.log}"', *lines]
    (folder / "conf").write_text("\n".join(settings) + "\n")
    process = subprocess.Popen([program, "-d", "-c", folder / "conf"], stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield proxy
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < end, "tinyproxy did not start"
            time.sleep(0.02)
        else:
            return
