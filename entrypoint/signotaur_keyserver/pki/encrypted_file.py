"""A file encrypted with a passphrase, as a stream: AES-256-GCM in chunks, scrypt for its key.

Layout: ``MAGIC``, the length of the header in 4 bytes, the header as JSON, the chunks. Each chunk
is bound to the header, to its place and to whether it is the last one, so that nothing can be
cut, moved, left out or taken from another file.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signotaur_wire.members import Json, Members, WireError

MAGIC = b"signotaur-backup-1\n"
PASSPHRASE_MIN_LENGTH = 12
_CHUNK = 64 * 1024
_TAG = 16
_LENGTH_BYTES = 4
_HEADER_LIMIT = 4096
_SALT_BYTES, _PREFIX_BYTES, _COUNTER_BYTES = 16, 7, 4
_CHUNKS_MAX: int = 2 ** (8 * _COUNTER_BYTES)


class EncryptedFileError(Exception):
    """A file cannot be decrypted. The message says why."""


@dataclass(frozen=True)
class Cost:
    """What scrypt costs: 128 * n * r bytes of memory."""

    n: int = 2**17
    r: int = 8
    p: int = 1

    @property
    def memory(self) -> int:
        """Bytes that deriving a key needs, with room to spare."""
        return 128 * self.r * (self.n + self.p + 2)

    def derive(self, passphrase: str, salt: bytes) -> bytes:
        """Return the key of a file: 32 bytes."""
        return hashlib.scrypt(
            passphrase.encode(),
            salt=salt,
            n=self.n,
            r=self.r,
            p=self.p,
            maxmem=self.memory + 2**20,
            dklen=32,
        )


_COST_LIMIT = Cost(n=2**20)
"""A hostile file must not cost more: 1 GiB."""


class EncryptedWriter:
    """Encrypts what is written to it; ``close`` writes the last chunk and leaves the file open."""

    def __init__(self, file: BinaryIO, passphrase: str, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        salt, prefix = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_PREFIX_BYTES)
        header = json.dumps(
            {
                "kdf": "scrypt",
                "n": cost.n,
                "r": cost.r,
                "p": cost.p,
                "salt": salt.hex(),
                "nonce": prefix.hex(),
                "chunk": _CHUNK,
            }
        ).encode()
        self._file = file
        self._chunks = _Chunks(cost.derive(passphrase, salt), prefix, header)
        self._pending = bytearray()
        file.write(MAGIC + len(header).to_bytes(_LENGTH_BYTES, "big") + header)

    def write(self, part: bytes) -> int:
        """Encrypt a part; return its length in bytes."""
        self._pending += part
        while len(self._pending) > _CHUNK:
            self._file.write(self._chunks.encrypt(bytes(self._pending[:_CHUNK]), last=False))
            del self._pending[:_CHUNK]
        return len(part)

    def close(self) -> None:
        """Write what is left."""
        self._file.write(self._chunks.encrypt(bytes(self._pending), last=True))


class EncryptedReader:
    """Decrypts a file as it is read. Nothing is returned before it was authenticated."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        self._chunks = _read_header(file, passphrase)
        self._next = file.read(_CHUNK + _TAG)
        self._plain = bytearray()
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, all with -1. Raises EncryptedFileError."""
        while not self._ended and (size < 0 or len(self._plain) < size):
            chunk, self._next = self._next, self._file.read(_CHUNK + _TAG)
            self._ended = not self._next
            self._plain += self._chunks.decrypt(chunk, last=self._ended)
        taken = len(self._plain) if size < 0 else size
        part = bytes(self._plain[:taken])
        del self._plain[:taken]
        return part


class _Chunks:
    """The chunks of one file, in their order."""

    def __init__(self, key: bytes, prefix: bytes, header: bytes) -> None:
        self._cipher = AESGCM(key)
        self._prefix = prefix
        self._bound = hashlib.sha256(MAGIC + header).digest()
        self._number = 0

    def encrypt(self, plain: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(last=last), plain, self._bound)

    def decrypt(self, chunk: bytes, *, last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(last=last), chunk, self._bound)
        except InvalidTag:
            if self._number == 1:
                raise EncryptedFileError(
                    "the passphrase is wrong, or the file was changed"
                ) from None
            raise EncryptedFileError("the file is damaged or was cut off") from None

    def _nonce(self, *, last: bool) -> bytes:
        if self._number >= _CHUNKS_MAX:
            raise EncryptedFileError("the file is too large")
        number = self._number.to_bytes(_COUNTER_BYTES, "big")
        self._number += 1
        return self._prefix + number + bytes([last])


def _read_header(file: BinaryIO, passphrase: str) -> _Chunks:
    if file.read(len(MAGIC)) != MAGIC:
        raise EncryptedFileError("this is not a backup of signotaur-keyserver")
    length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
    header = file.read(min(length, _HEADER_LIMIT))
    try:
        members: Json = json.loads(header)
        cost, salt, prefix = _parameters(Members(members))
    except (ValueError, RecursionError):
        raise EncryptedFileError("the file is damaged: its header cannot be read") from None
    return _Chunks(cost.derive(passphrase, salt), prefix, header)


def _parameters(members: Members) -> tuple[Cost, bytes, bytes]:
    cost = Cost(members.integer("n"), members.integer("r"), members.integer("p"))
    powers = cost.n > 1 and cost.n & (cost.n - 1) == 0 and cost.r > 0 and 0 < cost.p <= 16  # noqa: PLR2004
    salt, prefix = bytes.fromhex(members.text("salt")), bytes.fromhex(members.text("nonce"))
    if not powers or cost.memory > _COST_LIMIT.memory or members.integer("chunk") != _CHUNK:
        raise WireError("a parameter in its header cannot be used")
    if members.text("kdf") != "scrypt" or len(salt) != _SALT_BYTES or len(prefix) != _PREFIX_BYTES:
        raise WireError("a parameter in its header cannot be used")
    return cost, salt, prefix
