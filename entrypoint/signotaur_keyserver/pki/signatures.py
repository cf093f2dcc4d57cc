"""The one thing that a private key here ever does: sign a digest, raw."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from signotaur_keyserver.pki.material import PrivateKey
from signotaur_wire.signing import DigestAlgorithm

_HASHES: dict[DigestAlgorithm, hashes.HashAlgorithm] = {
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}


def sign(key: PrivateKey, digest: bytes, algorithm: DigestAlgorithm) -> bytes:
    """Return a PKCS#1 v1.5 signature of an RSA key, or a DER signature of an ECDSA key.

    Raises ValueError when the digest does not have the length of its algorithm.
    """
    prehashed = Prehashed(_HASHES[algorithm])
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), prehashed)
    return key.sign(digest, ec.ECDSA(prehashed))
