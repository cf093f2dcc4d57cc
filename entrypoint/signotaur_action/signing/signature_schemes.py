"""How a signature was made: what its algorithm identifier says, which anybody can write."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from signotaur_action.signing import der
from signotaur_action.signing.outcomes import FormatError
from signotaur_wire.signing import DigestAlgorithm

HASHES: dict[DigestAlgorithm, hashes.HashAlgorithm] = {
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}
SHA1 = hashes.SHA1()  # noqa: S303  # nosec B303
"""For countersignatures alone; ``countersignatures`` says why."""
DIGEST = {
    DigestAlgorithm.SHA256: "2.16.840.1.101.3.4.2.1",
    DigestAlgorithm.SHA384: "2.16.840.1.101.3.4.2.2",
    DigestAlgorithm.SHA512: "2.16.840.1.101.3.4.2.3",
}
"""The object identifiers of the digests."""
RSA = "1.2.840.113549.1.1.1"
ECDSA_WITH = {
    DigestAlgorithm.SHA256: "1.2.840.10045.4.3.2",
    DigestAlgorithm.SHA384: "1.2.840.10045.4.3.3",
    DigestAlgorithm.SHA512: "1.2.840.10045.4.3.4",
}

OTHER_DIGEST = "its signature uses a digest other than SHA256, SHA384 and SHA512"

Key = RSAPublicKey | EllipticCurvePublicKey

_NUMBERS = {HASHES[algorithm].name: der.oid(number) for algorithm, number in DIGEST.items()}
_RSA_WITH = {
    "sha1": der.oid("1.2.840.113549.1.1.5"),
    "sha256": der.oid("1.2.840.113549.1.1.11"),
    "sha384": der.oid("1.2.840.113549.1.1.12"),
    "sha512": der.oid("1.2.840.113549.1.1.13"),
}
_ECDSA_WITH = {HASHES[algorithm].name: der.oid(number) for algorithm, number in ECDSA_WITH.items()}
_PSS = der.oid("1.2.840.113549.1.1.10")
_MASK = der.oid("1.2.840.113549.1.1.8")
_DEFAULT_SALT = der.integer(20)
_TRAILER = der.integer(1)
_PARAMETERS = range(4)
"""Digest, mask, length of the salt, trailer: each has its tag and may be missing."""


@dataclass(frozen=True)
class Scheme:
    """What is done with a digest before and while it is signed."""

    digest: hashes.HashAlgorithm
    pss: PSS | None = None
    """The padding of RSA-PSS; None: PKCS #1 v1.5 for RSA keys, and ECDSA."""

    def verifies(self, key: Key, signature: bytes, digest: bytes) -> bool:
        """Return whether a signature of a digest was made with a private key.

        ``digest``: with this scheme's digest. A signature by ECDSA is DER.
        """
        known = Prehashed(self.digest)
        try:
            if isinstance(key, RSAPublicKey):
                key.verify(signature, digest, self.pss or PKCS1v15(), known)
            else:
                key.verify(signature, digest, ECDSA(known))
        except InvalidSignature:
            return False
        return True


def scheme_of(written: bytes, digest: hashes.HashAlgorithm, key: Key) -> Scheme:
    """Return how a key made a signature of a digest, from an AlgorithmIdentifier, DER.

    Raises FormatError and DerError.
    """
    number, *parameters = der.children(written) or [b""]
    if isinstance(key, RSAPublicKey):
        if number == _PSS:
            return Scheme(digest, _pss(parameters, digest, key))
        if number in (der.oid(RSA), _RSA_WITH[digest.name]) and parameters in ([], [der.NULL]):
            return Scheme(digest)
    elif number == _ECDSA_WITH.get(digest.name) and not parameters:
        return Scheme(digest)
    raise FormatError("its signature uses an algorithm that its certificate has no key for")


def digest_named(written: bytes) -> hashes.HashAlgorithm:
    """Return the digest that an AlgorithmIdentifier, DER, names by itself.

    Raises FormatError and DerError.
    """
    number, *parameters = der.children(written) or [b""]
    name = _tagged(parameters).get(0) if number == _PSS else None
    for each in HASHES.values():
        if number in (_RSA_WITH[each.name], _ECDSA_WITH[each.name]) or name in _names(each):
            return each
    raise FormatError(OTHER_DIGEST)


def _pss(parameters: list[bytes], digest: hashes.HashAlgorithm, key: RSAPublicKey) -> PSS:
    """Return the padding that parameters (RFC 4055, 3.1) describe.

    What is missing has a default. For the digest and the mask that is SHA-1, which is refused.
    """
    found = _tagged(parameters)
    names = _names(digest)
    if found.get(0) not in names:
        raise FormatError("its RSA-PSS signature names another digest than it uses")
    if found.get(1) not in [der.sequence(_MASK, name) for name in names]:
        raise FormatError("its RSA-PSS signature uses a mask of another digest")
    if found.get(3, _TRAILER) != _TRAILER:
        raise FormatError("its RSA-PSS signature has an unknown trailer")
    written = found.get(2, _DEFAULT_SALT)
    salt = int.from_bytes(der.contents(written, der.INTEGER), signed=True)
    room = (key.key_size + 6) // 8 - digest.digest_size - 2  # RFC 8017, 9.1.1
    if not 0 <= salt <= room or written != der.integer(salt):
        raise FormatError("its RSA-PSS signature has a salt that is too long for its key")
    return PSS(MGF1(digest), salt)


def _tagged(parameters: list[bytes]) -> dict[int, bytes]:
    """Return the parameters by their tags, which rise."""
    found: dict[int, bytes] = {}
    try:
        [fields] = parameters
        for each in der.children(fields):
            [number] = [number for number in _PARAMETERS if der.is_tagged(number, each)]
            if any(earlier >= number for earlier in found):
                raise der.DerError
            [found[number]] = der.children(each, der.tag(number))
    except ValueError:
        raise FormatError("its RSA-PSS signature has damaged parameters") from None
    return found


def _names(digest: hashes.HashAlgorithm) -> list[bytes]:
    """Return each form of the AlgorithmIdentifier of a digest; none for a weak one."""
    number = _NUMBERS.get(digest.name)
    return [der.sequence(number), der.sequence(number, der.NULL)] if number else []
