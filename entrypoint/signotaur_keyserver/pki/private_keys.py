"""Opened private keys, the latest used few of them, so that a signature costs no unsealing."""

from collections import OrderedDict
from threading import Lock

from signotaur_keyserver.domain.records import Certificate
from signotaur_keyserver.pki.master_key import MasterKeyError, Sealer
from signotaur_keyserver.pki.material import PrivateKey, load_key

_CAPACITY = 64


class PrivateKeys:
    """Opens keys with a sealer and remembers them, up to ``capacity``. Safe in threads."""

    def __init__(self, sealer: Sealer | None, *, capacity: int = _CAPACITY) -> None:
        self._sealer = sealer
        self._capacity = capacity
        self._lock = Lock()
        self._opened: OrderedDict[tuple[str, bytes], PrivateKey] = OrderedDict()

    def open(self, certificate: Certificate) -> PrivateKey:
        """Return a certificate's private key. Raises MasterKeyError."""
        if certificate.sealed_key is None or self._sealer is None:
            raise MasterKeyError("this server has no private keys")
        name = certificate.thumbprint, certificate.sealed_key
        with self._lock:
            key = self._opened.pop(name, None)
            if key is None:
                key = load_key(self._sealer.unseal(certificate.sealed_key, certificate.thumbprint))
            self._opened[name] = key
            if len(self._opened) > self._capacity:
                self._opened.popitem(last=False)
            return key

    def __len__(self) -> int:
        return len(self._opened)
