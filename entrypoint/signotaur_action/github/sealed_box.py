"""Libsodium's sealed box, the form in which GitHub accepts secrets. Loaded when one is written."""

import base64
import binascii

from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from signotaur_action.model import Secret


def seal(secret: Secret, public_key: str) -> str:
    """Return the secret, sealed for a public key; both Base64. Raises ValueError for a bad key.

    https://docs.github.com/en/rest/guides/encrypting-secrets-for-the-rest-api
    """
    try:
        key = PublicKey(base64.b64decode(public_key, validate=True))
        return base64.b64encode(SealedBox(key).encrypt(secret.reveal().encode())).decode()
    except (binascii.Error, CryptoError, TypeError):
        raise ValueError("it is not a public key") from None
