"""Signers' parts of messages, and whole ones, that ``openssl cms`` makes and verifies."""

import subprocess
from pathlib import Path

from signing.local import LocalSigner
from signotaur_action.signing import der

PSS = ("-keyopt", "rsa_padding_mode:pss")
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")


def signed_by_openssl(
    folder: Path, signer: LocalSigner, content: bytes, kind: str, *options: str
) -> bytes:
    """Return a message with the content, DER. ``options``: what follows the name of the key."""
    certificate, key = folder / "cms.pem", folder / "cms.key"
    source, made = folder / "cms.content", folder / "cms.der"
    certificate.write_bytes(signer.pem)
    key.write_bytes(signer.private_pem)
    source.write_bytes(content)
    _openssl(
        *("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-econtent_type", kind),
        *("-in", source, "-signer", certificate, "-inkey", key),
        *options,
        *("-outform", "DER", "-out", made),
    )
    return made.read_bytes()


def verified_by_openssl(folder: Path, message: bytes, root: LocalSigner) -> bytes:
    """Return the content of a message that openssl verifies. Raises CalledProcessError."""
    file, trusted, out = folder / "judged.der", folder / "judged.pem", folder / "judged.content"
    file.write_bytes(message)
    trusted.write_bytes(root.pem)
    _openssl(
        *("cms", "-verify", "-inform", "DER", "-in", file, "-CAfile", trusted),
        *("-purpose", "any", "-binary", "-out", out),
    )
    return out.read_bytes()


def signer_part(message: bytes) -> bytes:
    """Return the part of the one signer of a message, DER."""
    [signer] = der.children(_body(message)[-1], der.SET)
    return signer


def with_content(signer: bytes, content_info: bytes, certificates: bytes) -> bytes:
    """Return a message of Authenticode, DER, with a signer's part that was made elsewhere."""
    digest = der.children(signer)[2]
    body = der.sequence(
        der.integer(1), der.set_of(digest), content_info,
        der.tagged(0, certificates), der.set_of(signer),
    )  # fmt: skip
    return der.sequence(_SIGNED_DATA, der.tagged(0, body))


def _body(message: bytes) -> list[bytes]:
    [body] = der.children(der.children(message)[1], der.tag(0))
    return der.children(body)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)
