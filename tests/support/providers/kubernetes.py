"""The API of a Kubernetes cluster for one namespace: Secrets by server-side apply, and reviews.

https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1, held to
the published description (``tests/data/kubernetes_api.json``).
"""

import base64
from pathlib import Path
from typing import Any
from uuid import uuid4

from support.providers.described import DescribedStandIn, RefusedError
from support.providers.exchange import Call, Reply
from support.tls import Certificate

NAMESPACE = "builds"
_APPLY = "application/apply-patch+yaml"
_REVIEWS = "authorization.k8s.io/v1"


class _RefusedError(RefusedError):
    def __init__(self, status: int, reason: str, message: str) -> None:
        about = {"message": message, "reason": reason, "code": status}
        kind = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        super().__init__(status, kind | about)


class Kubernetes(DescribedStandIn):
    """One namespace. ``tokens``: the verbs on its Secrets that each token's account has."""

    description = Path(__file__).parents[2] / "data" / "kubernetes_api.json"

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.tokens: dict[str, set[str]] = {}
        self.reviews = True
        """Whether accounts may ask for their own rights."""
        self.secrets: dict[str, dict[str, Any]] = {}

    def put(self, name: str, **data: str) -> dict[str, Any]:
        """Make a Secret, as somebody did with kubectl."""
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        with self.lock:
            return self._made(name, encoded)

    def value(self, name: str, key: str) -> str:
        """Return an entry of a Secret, decoded."""
        return base64.b64decode(self.secrets[name]["data"][key]).decode()

    def serve(self, call: Call, body: Any) -> Reply:
        """See ``DescribedStandIn``."""
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise _RefusedError(401, "Unauthorized", "Unauthorized")
        verbs = self.tokens[token]
        if call.segments[0] == "apis":
            return self._review(verbs, body)
        _, _, _, namespace, _, name = call.segments
        verb = {"GET": "get", "PATCH": "patch"}[call.method]
        found = self.secrets.get(name)
        if namespace != NAMESPACE or verb not in verbs:
            self._forbid(name, verb)
        if verb == "get":
            if found is None:
                raise _RefusedError(404, "NotFound", f'secrets "{name}" not found')
            return Reply(200, found)
        if found is None and "create" not in verbs:
            self._forbid(name, "create")
        return self._apply(call, name, found, body)

    def _forbid(self, name: str, verb: str) -> None:
        account = "system:serviceaccount:builds:rotation"
        text = f'secrets "{name}" is forbidden: User "{account}" cannot {verb} resource "secrets"'
        raise _RefusedError(403, "Forbidden", text)

    def _review(self, verbs: set[str], body: dict[str, Any]) -> Reply:
        if not self.reviews:
            raise _RefusedError(403, "Forbidden", "selfsubjectaccessreviews is forbidden")
        if (body["apiVersion"], body["kind"]) != (_REVIEWS, "SelfSubjectAccessReview"):
            raise _RefusedError(400, "BadRequest", "the kind of the object does not match")
        asked = body["spec"]["resourceAttributes"]
        where = (asked["namespace"], asked["resource"]) == (NAMESPACE, "secrets")
        # The roles here name the Secret, except for the right to create it, which cannot.
        named = asked["verb"] == "create" or "name" in asked
        allowed = where and named and asked["verb"] in verbs
        return Reply(201, {**body, "metadata": {}, "status": {"allowed": allowed}})

    def _apply(
        self, call: Call, name: str, found: dict[str, Any] | None, body: dict[str, Any]
    ) -> Reply:
        if call.headers.get("content-type") != _APPLY:
            self.violation(f"{call.method} {call.route}: not a server-side apply")
        if body["metadata"] != {"name": name, "namespace": NAMESPACE}:
            raise _RefusedError(400, "BadRequest", "the name of the object does not match")
        for value in body["data"].values():
            base64.b64decode(value, validate=True)
        if found is None:
            return Reply(201, self._made(name, body["data"]))
        if found.get("immutable"):
            raise _RefusedError(422, "Invalid", f'Secret "{name}" is invalid: data: immutable')
        found["data"].update(body["data"])
        return Reply(200, found)

    def _made(self, name: str, data: dict[str, str]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": NAMESPACE, "uid": str(uuid4())}
        made = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}
        self.secrets[name] = made | {"data": dict(data)}
        return self.secrets[name]
