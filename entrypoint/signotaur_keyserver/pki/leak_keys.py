"""The public keys with which reports of leaked keys are signed, in GitHub's form.

The file is what ``GET /meta/public_keys/secret_scanning`` of GitHub's API answers. It is read at
each report, so that a newer list needs no restart.
"""

import base64
import json
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signotaur_keyserver.errors import os_reason

_SIZE_LIMIT = 256 * 1024


class LeakKeysError(Exception):
    """The list cannot be used. The message says why."""


class LeakKeys:
    """A list of public keys in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def check(self) -> None:
        """Raise LeakKeysError unless the list can be used."""
        if not self._read():
            raise LeakKeysError(f"{self.file} contains no public key")

    def is_signed(self, identifier: str, signature: str, body: bytes) -> bool:
        """Return whether a key of the list signed a body: ECDSA with P-256 and SHA-256.

        Raises LeakKeysError.
        """
        key = self._read().get(identifier)
        if key is None:
            return False
        try:
            key.verify(base64.b64decode(signature, validate=True), body, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    def _read(self) -> dict[str, ec.EllipticCurvePublicKey]:
        try:
            with self.file.open("rb") as file:
                document = json.loads(file.read(_SIZE_LIMIT))
            listed = document["public_keys"]
            return {str(each["key_identifier"]): _public_key(each["key"]) for each in listed}
        except OSError as error:
            raise LeakKeysError(f"cannot read {self.file}: {os_reason(error)}") from None
        except (ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm):
            raise LeakKeysError(
                f"{self.file} is not a list of P-256 public keys in GitHub's form"
            ) from None


def _public_key(pem: str) -> ec.EllipticCurvePublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a P-256 key")  # noqa: TRY004 - the caller maps it
    return key
