"""Private keys at rest: sealed with a master key that is never in the database."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.pki.private_files import ExposedError, require_owner_only

FILE_NAME = "master.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class MasterKeyError(Exception):
    """Sealed keys cannot be opened, or none can be sealed. The message says what to do."""


class Sealer:
    """Seals with AES-256-GCM, bound to a name, so that no sealed key can take another's place."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @classmethod
    def in_folder(cls, data_dir: Path) -> Self:
        """Return the sealer of a data folder."""
        return cls(data_dir / FILE_NAME)

    def create(self) -> bool:
        """Make a master key where there is none; False when there is one. Raises MasterKeyError."""
        try:
            _write_key(self.file)
        except FileExistsError:
            return False
        except OSError as error:
            raise MasterKeyError(f"cannot create {self.file}: {os_reason(error)}") from None
        _sync_folder(self.file.parent)
        return True

    @property
    def former(self) -> Path:
        """The file of the master key that is being replaced."""
        return self.file.with_name(f"{self.file.name}.former")

    @property
    def has_former(self) -> bool:
        """Whether a replacement was cut: some secrets may be sealed with the former key."""
        return self.former.exists()

    def replace(self) -> None:
        """Put a new master key into the file's place; the former one stays beside it.

        Both can be opened until ``forget_former``. Raises MasterKeyError.
        """
        new = self.file.with_name(f"{self.file.name}.new")
        try:
            new.unlink(missing_ok=True)
            _write_key(new)
            os.link(self.file, self.former)
            new.replace(self.file)
        except OSError as error:
            raise MasterKeyError(f"cannot replace {self.file}: {os_reason(error)}") from None
        _sync_folder(self.file.parent)

    def forget_former(self) -> None:
        """Delete the former master key: nothing is sealed with it any more."""
        self.former.unlink(missing_ok=True)
        _sync_folder(self.file.parent)

    def seal(self, secret: bytes, name: str) -> bytes:
        """Return a secret as it is stored. Raises MasterKeyError.

        ``name`` says what it is: the thumbprint of a private key's certificate.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(_master_key(self.file)).encrypt(nonce, secret, name.encode())

    def unseal(self, stored: bytes, name: str) -> bytes:
        """Return a sealed secret in clear. Raises MasterKeyError."""
        nonce, sealed = stored[:_NONCE_BYTES], stored[_NONCE_BYTES:]
        # The former key only where a replacement is under way, or was cut.
        for file in (self.file, self.former):
            if file == self.former and not self.has_former:
                break
            with suppress(InvalidTag, ValueError):
                return AESGCM(_master_key(file)).decrypt(nonce, sealed, name.encode())
        raise MasterKeyError(
            f"{self.file} is not the master key that the private keys were sealed with: "
            "restore the right one from its backup"
        )


def _master_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            master_key = file.read(_KEY_BYTES + 1)
    except FileNotFoundError:
        raise MasterKeyError(
            f"{path} is missing: the private keys in the database cannot be opened "
            "without it. Restore it from its backup; the server never creates a second one"
        ) from None
    except OSError as error:
        raise MasterKeyError(f"cannot read {path}: {os_reason(error)}") from None
    if len(master_key) != _KEY_BYTES:
        raise MasterKeyError(f"{path} is damaged: it must be {_KEY_BYTES} bytes long")
    try:
        require_owner_only(path, status)
    except ExposedError as error:
        raise MasterKeyError(str(error)) from None
    return master_key


def _write_key(file: Path) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(secrets.token_bytes(_KEY_BYTES))
        opened.flush()
        os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
