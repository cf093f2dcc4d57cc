"""The way to a server of Vault or OpenBao: its address, the token or sign-in, its refusals."""

from collections.abc import Mapping
from dataclasses import replace

from signotaur_action.http import TEMPORARY, Answer
from signotaur_action.sinks.base import SinkContext, SinkError, require_name
from signotaur_action.sinks.sign_in.vault_login import METHOD, chosen_login, vault_sign_in
from signotaur_action.sinks.stores.store import FORBIDDEN, Access, Store

KIND = "vault"
_NAMESPACE = r"[!-~]+"
_PREFIXES = ("BAO_", "VAULT_")
"""OpenBao's own tools read both. Two that differ are refused: a token may belong elsewhere."""
_NOT_CONSISTENT = 412
"""Vault Enterprise: this node has not yet heard of what another one wrote."""


def vault_store(context: SinkContext) -> Store:
    """Return the way to the server. Raises SinkError."""
    names = vault_variables(context.environ)
    headers = {"X-Vault-Request": "true"}
    variable = names["NAMESPACE"]
    namespace = context.environ.get(variable, "")
    if namespace:
        require_name(
            f"{KIND}: {variable}", namespace, _NAMESPACE, "ASCII characters without spaces"
        )
        headers["X-Vault-Namespace"] = namespace
    access = replace(
        _ACCESS,
        address=names["ADDR"],
        token=names["TOKEN"],
        ca_file_variable=names["CACERT"],
        headers=headers,
    )
    login = chosen_login(KIND, context, context.environ.get(access.address, "").rstrip("/"))
    if login is None:
        return Store(KIND, access, context)
    if context.environ.get(access.token):
        raise SinkError(f"{KIND}: {access.token} and {METHOD} are both set; unset one of them")
    return Store(KIND, access, context, sign_in=vault_sign_in(login, context))


def vault_variables(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return which variable tells what. Raises SinkError where two of them disagree."""
    names: dict[str, str] = {}
    faults: list[str] = []
    for what in ("ADDR", "TOKEN", "NAMESPACE", "CACERT"):
        given = {
            name: value
            for prefix in _PREFIXES
            if (value := environ.get(name := f"{prefix}{what}", "").strip())
        }
        names[what] = next(iter(given), f"VAULT_{what}")
        if len(set(given.values())) > 1:
            faults.append(f"{' and '.join(given)} are both set, and differ; unset one of them")
    if faults:
        raise SinkError(f"{KIND}: {'; '.join(faults)}")
    return names


def _words(answer: Answer) -> str:
    errors = answer.member("errors")
    return "; ".join(map(str, errors)) if isinstance(errors, list) else ""


_ACCESS = Access(
    store="Vault",
    address="VAULT_ADDR",
    token="VAULT_TOKEN",  # noqa: S106 - a variable's name
    token_hint="a token whose policy grants read, create and update on MOUNT/data/PATH",  # noqa: S106
    error_text=_words,
    ca_file_variable="VAULT_CACERT",
    header="X-Vault-Token",
    prefix="",
    temporary=TEMPORARY | {_NOT_CONSISTENT},
    denied_statuses=(FORBIDDEN,),
    unknown_statuses=(FORBIDDEN,),  # Vault documents no other status for a token that ended
)
