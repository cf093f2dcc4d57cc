"""Private keys at rest: sealed with a master key that is never in the database."""

import os
import secrets
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signotaur_keyserver.pki.private_files import ExposedError, require_owner_only

FILE_NAME = "master.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class MasterKeyError(Exception):
    """Sealed keys cannot be opened, or none can be sealed. The message says what to do."""


class Vault:
    """Seals with AES-256-GCM, bound to a name, so that no sealed key can take another's place."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @classmethod
    def in_folder(cls, data_dir: Path) -> Self:
        """Return the vault of a data folder."""
        return cls(data_dir / FILE_NAME)

    def create(self) -> bool:
        """Make a master key where there is none; False when there is one. Raises MasterKeyError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            handle = os.open(self.file, flags, 0o600)
        except FileExistsError:
            return False
        except OSError as error:
            raise MasterKeyError(f"cannot create {self.file}: {_reason(error)}") from None
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(handle)
        _sync_folder(self.file.parent)
        return True

    def seal(self, secret: bytes, name: str) -> bytes:
        """Return a secret as it is stored. Raises MasterKeyError.

        ``name`` says what it is: the thumbprint of a private key's certificate.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._master_key()).encrypt(nonce, secret, name.encode())

    def unseal(self, stored: bytes, name: str) -> bytes:
        """Return a sealed secret in clear. Raises MasterKeyError."""
        nonce, sealed = stored[:_NONCE_BYTES], stored[_NONCE_BYTES:]
        try:
            return AESGCM(self._master_key()).decrypt(nonce, sealed, name.encode())
        except (InvalidTag, ValueError):
            raise MasterKeyError(
                f"{self.file} is not the master key that the private keys were sealed with: "
                "restore the right one from its backup"
            ) from None

    def _master_key(self) -> bytes:
        try:
            with self.file.open("rb") as file:
                status = os.fstat(file.fileno())
                master_key = file.read(_KEY_BYTES + 1)
        except FileNotFoundError:
            raise MasterKeyError(
                f"{self.file} is missing: the private keys in the database cannot be opened "
                "without it. Restore it from its backup; the server never creates a second one"
            ) from None
        except OSError as error:
            raise MasterKeyError(f"cannot read {self.file}: {_reason(error)}") from None
        if len(master_key) != _KEY_BYTES:
            raise MasterKeyError(f"{self.file} is damaged: it must be {_KEY_BYTES} bytes long")
        try:
            require_owner_only(self.file, status)
        except ExposedError as error:
            raise MasterKeyError(str(error)) from None
        return master_key


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "unknown"
