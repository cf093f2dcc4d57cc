"""ID tokens (JSON Web Tokens): the keys of an issuer, and what a token that they signed claims.

A token's own header says which key to use, and nothing else: what it names beside that (``jku``,
``x5u``, ``jwk``) is never looked at, and the algorithm is the key's.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""All with public keys. A shared secret would let everybody who reads the keys sign tokens."""
_RSA_BITS = range(2048, 8193)
_KEYS_MAX = 50
_NO_CHECKS: Any = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""The caller checks all claims, by the database's clock."""


class IdTokenError(Exception):
    """A token is not one that the keys signed. The message contains nothing of it."""


class UnknownKeyIdError(IdTokenError):
    """The key that a token names is not among the keys."""


class JwksError(ValueError):
    """A document is not the public keys of an issuer. The message says why."""


class KeySet:
    """The public keys of an issuer, from a JSON Web Key Set. Raises JwksError."""

    def __init__(self, document: object) -> None:
        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list) or len(listed) > _KEYS_MAX:
            raise JwksError(f"it is not a JSON Web Key Set of at most {_KEYS_MAX} keys")
        self._keys = [key for each in listed if (key := _public_key(each)) is not None]
        if not self._keys:
            raise JwksError("it contains no public key that signs tokens")

    def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that one of the keys signed.

        Raises UnknownKeyIdError for a key that is not here, and IdTokenError.
        """
        key = self._key(_header(token).get("kid"))
        try:
            return jwt.decode(token, key, algorithms=[key.algorithm_name], options=_NO_CHECKS)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise IdTokenError("no key of the issuer signed this token") from None

    def _key(self, key_id: object) -> jwt.PyJWK:
        if key_id is None and len(self._keys) == 1:
            return self._keys[0]
        for key in self._keys:
            if key.key_id == key_id and isinstance(key_id, str):
                return key
        raise UnknownKeyIdError("the issuer has no key with this id")


def unverified_issuer(token: str) -> str:
    """Return who a token says that it is from: to find the keys, for nothing else.

    Raises IdTokenError for what is not a token.
    """
    _header(token)
    options: Any = {"verify_signature": False}
    try:
        issuer = jwt.decode(token, options=options).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _not_a_token() from None
    if not isinstance(issuer, str):
        raise _not_a_token()
    return issuer


def fingerprint(token: str, claims: Mapping[str, object]) -> str:
    """Return by what a token is remembered: its ``jti``, else all that its issuer signed.

    The signature is left out: of one ECDSA signature anybody can make a second.
    """
    token_id = claims.get("jti")
    known = token.rpartition(".")[0]
    if isinstance(token_id, str) and token_id:
        known = f"{claims.get('iss')}\n{token_id}"
    return hashlib.sha256(known.encode()).hexdigest()


def _header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _not_a_token() from None


def _public_key(document: object) -> jwt.PyJWK | None:
    """Return a key that may sign tokens; None for one of another use or kind."""
    if not isinstance(document, dict) or document.get("use", "sig") != "sig":
        return None
    if "d" in document:
        raise JwksError("it contains a private key")
    if document.get("alg") not in (None, *_ALGORITHMS):
        return None
    try:
        key = jwt.PyJWK(document)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError):
        return None
    if key.algorithm_name not in _ALGORITHMS:
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size not in _RSA_BITS:
        return None
    return key


def _not_a_token() -> IdTokenError:
    return IdTokenError("this is not a JSON Web Token")
