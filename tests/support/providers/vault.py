"""HashiCorp Vault: KV engines, policies and namespaces, as its documentation tells them.

Where the pages are silent, it does what the published source of the KV engine does:
both are named in ``tests/data/vault_api.json``.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from support.providers.exchange import Call, Reply
from support.providers.openapi import Description
from support.providers.vault_kv import (
    MERGE_PATCH,
    UNSUPPORTED,
    Engine,
    RefusedError,
    Secret,
    envelope,
    read_body,
)
from support.providers.vault_policy import Token
from support.providers.vault_server import Policy, VaultServer
from support.tls import Certificate

DESCRIPTION = Path(__file__).parents[2] / "data" / "vault_api.json"
ROOT = "hvs.root"
_LOOKUP = "auth/token/lookup-self"
BAD_TOKEN = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"
NOT_VERSIONED = (
    "Invalid path for a versioned K/V secrets engine. "
    "See the API docs for the appropriate API endpoints to use."
)
NO_ACCESS = (
    "preflight capability check returned 403, please ensure client's policies grant access to path"
)


class Vault(VaultServer):
    """A Vault with KV version 2 at ``secret``, and the root token."""

    root = ROOT

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.sealed = False
        self.engines: dict[str, Engine] = {}
        self.tokens = {ROOT: Token(root=True)}
        self._description = Description(DESCRIPTION)
        self.mount("secret")

    def mount(
        self,
        path: str,
        *,
        namespace: str = "",
        version: int = 2,
        cas_required: bool = False,
        max_versions: int = 0,
    ) -> None:
        """Enable a KV engine; its namespace comes into being with it."""
        full = _join(namespace, path)
        self.engines[full] = Engine(full, self._time, version, cas_required, max_versions)

    def add_token(
        self,
        text: str = "hvs.AAAAAAAAAAAAAAAAAAAAAAAA",
        policy: Policy | None = None,
        *,
        namespace: str = "",
        default: bool = True,
    ) -> str:
        """Issue a token whose policy gives capabilities by path (``*`` and ``+`` as in Vault)."""
        self.tokens[text] = Token(dict(policy or {}), namespace.strip("/"), default)
        return text

    def forget_token(self, text: str) -> None:
        """See ``VaultServer``."""
        del self.tokens[text]

    def seal(self) -> None:
        """See ``VaultServer``."""
        self.sealed = True

    def put_secret(self, mount: str, path: str, data: dict[str, Any]) -> None:
        """Write a version, as somebody else would."""
        with self.lock:
            engine = self.engines[mount]
            if engine.version == 1:
                engine.plain[path] = dict(data)
            else:
                engine.add(engine.secrets.setdefault(path, Secret()), dict(data))

    def delete(self, mount: str, path: str, *, destroy: bool = False) -> None:
        """Delete or destroy the current version."""
        with self.lock:
            secret = self.engines[mount].secrets[path]
            if destroy:
                secret.versions[secret.current].destroyed = True
            else:
                secret.versions[secret.current].deleted = self._time()

    def secret(self, mount: str, path: str, *, namespace: str = "") -> dict[str, Any] | None:
        """Return the current members of a secret; None: never written, deleted or destroyed."""
        with self.lock:
            engine = self.engines[_join(namespace, mount)]
            if engine.version == 1:
                return engine.plain.get(path)
            secret = engine.secrets.get(path, Secret())
            version = secret.versions.get(secret.current)
            return None if version is None or version.gone else dict(version.data)

    def handle(self, call: Call) -> Reply:
        """Answer a call, and check both sides of it."""
        if any(text in call.path for text in self.tokens):
            self.violation(f"{call.method} {call.route}: a token in the URL")
        try:
            reply = self._serve(call)
        except RefusedError as refused:
            reply = refused.reply
        self._check(call, reply)
        return reply

    def _check(self, call: Call, reply: Reply) -> None:
        path = _path(call)
        engine = self._engine_of(path)
        # Of version 1 the description says nothing: who meets one by mistake did no wrong.
        if engine is not None and engine.version == 1:
            return
        asked, _ = _system(path) if engine is None else ("", "")
        if asked.startswith("internal/ui/mounts/"):
            known = f"sys/internal/ui/mounts/{quote(asked.removeprefix('internal/ui/mounts/'), '')}"
        elif asked:
            known = f"sys/{asked}"
        elif _is_lookup(path):
            known = _LOOKUP
        else:
            known = _described(path, engine)
        query = urlsplit(call.path).query
        body = read_body(call) if call.body else None
        for text in self._description.check(
            call.method, f"/v1/{known}?{query}", body, reply.status, reply.body
        ):
            self.violation(text)
        medium = call.headers.get("content-type", "").partition(";")[0]
        if call.body and medium != (MERGE_PATCH if call.method == "PATCH" else "application/json"):
            self.violation(f"{call.method} {call.route}: a body of type {medium!r}")

    def _serve(self, call: Call) -> Reply:
        if self.sealed:
            raise RefusedError(503, "Vault is sealed")
        token = self._token(call)
        if call.segments[0] != "v1" or call.route.endswith(("/", ".")):
            raise RefusedError(404, "1 error occurred:\n\t* unsupported path\n\n")
        path = _path(call)
        if not token.reaches(path):
            raise RefusedError(403, "permission denied")
        engine = self._engine_of(path)
        asked, namespace = _system(path) if engine is None else ("", "")
        if _is_lookup(path):
            if not (token.root or token.default):
                raise RefusedError(403, "permission denied")
            return Reply(200, envelope({"creation_ttl": token.lifetime, "ttl": token.left}))
        if asked == "capabilities-self":
            return self._capabilities(call, token, namespace)
        if asked.startswith("internal/ui/mounts/"):
            wanted = asked.removeprefix("internal/ui/mounts/")
            return self._preflight(token, _join(namespace, wanted), wanted)
        return _secrets(call, token, path, engine)

    def _token(self, call: Call) -> Token:
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        text = call.headers.get("x-vault-token", bearer)
        if not text:
            raise RefusedError(403, "permission denied")
        if text not in self.tokens:
            raise RefusedError(403, BAD_TOKEN)
        return self.tokens[text]

    def _capabilities(self, call: Call, token: Token, namespace: str) -> Reply:
        allowed = token.root or (token.default)
        own = token.capabilities(_join(namespace, "sys/capabilities-self"))
        if not allowed and "update" not in own:
            raise RefusedError(403, "permission denied")
        if call.method not in {"POST", "PUT"}:
            raise RefusedError(405, UNSUPPORTED)
        paths = read_body(call).get("paths") or []
        if not paths:
            raise RefusedError(400, "paths must be supplied")
        told = {each: sorted(token.capabilities(_join(namespace, each))) for each in paths}
        if len(paths) == 1:
            told["capabilities"] = told[paths[0]]
        return Reply(200, envelope(told) | told)

    def _preflight(self, token: Token, path: str, wanted: str) -> Reply:
        engine = self._engine_of(f"{path}/")
        if engine is None or not token.touches(engine.path):
            raise RefusedError(403, f'{NO_ACCESS} "{wanted}/"')
        options = {"version": str(engine.version)}
        blank = dict.fromkeys(("description", "plugin_version", "running_sha256"), "")
        flags = dict.fromkeys(("external_entropy_access", "local", "seal_wrap"), False)
        made = {"accessor": "kv_5c9b1e20", "uuid": "f3a2d6c0-4b1e-8c37-95d2-0a6e7b8c9d10"}
        lease = {"default_lease_ttl": 0, "force_no_cache": False, "max_lease_ttl": 0}
        told = {"type": "kv", "path": f"{engine.path}/", "options": options, "config": lease}
        version = {"running_plugin_version": "v0.16.1+builtin"}
        return Reply(200, envelope(blank | flags | made | told | version))

    def _engine_of(self, path: str) -> Engine | None:
        found = (self.engines[each] for each in self.engines if path.startswith(f"{each}/"))
        return next(found, None)

    def _time(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _secrets(call: Call, token: Token, path: str, engine: Engine | None) -> Reply:
    inner = path.removeprefix(f"{engine.path}/") if engine else ""
    writing = "update" if engine and engine.knows(inner) else "create"
    needed = {"GET": "read", "POST": writing, "PUT": writing, "PATCH": "patch"}
    if call.method not in needed:
        raise RefusedError(405, UNSUPPORTED)
    if not {needed[call.method], "root"} & token.capabilities(path):
        raise RefusedError(403, "permission denied")
    if engine is None:
        raise RefusedError(404, f'no handler for route "{path}". route entry not found.')
    if engine.version == 1:
        return engine.unversioned(call, inner)
    kind, _, name = inner.partition("/")
    if kind != "data" or not name:
        raise RefusedError(404, warnings=[NOT_VERSIONED])
    return engine.read(call, name) if call.method == "GET" else engine.write(call, name)


def _path(call: Call) -> str:
    """Return the full path: the namespace may stand in a header, in the path, or in both."""
    namespace = call.headers.get("x-vault-namespace", "")
    return _join(namespace, "/".join(call.segments[1:]))


def _is_lookup(path: str) -> bool:
    return f"/{path}".endswith(f"/{_LOOKUP}")


def _system(path: str) -> tuple[str, str]:
    """Split ``team/sys/x`` into ``x`` and its namespace; another path: two times ""."""
    before, found, asked = f"/{path}".partition("/sys/")
    return (asked, before.strip("/")) if found else ("", "")


def _described(path: str, engine: Engine | None) -> str:
    """Write a path as the description does, whose parameters hold no slashes."""
    mount, _, rest = path.partition("/")
    if engine is not None:
        mount, rest = engine.path, path.removeprefix(f"{engine.path}/")
    kind, _, name = rest.partition("/")
    return f"{quote(mount, '')}/{kind}/{quote(name, '')}"


def _join(namespace: str, path: str) -> str:
    return f"{namespace.strip('/')}/{path.strip('/')}".strip("/")
