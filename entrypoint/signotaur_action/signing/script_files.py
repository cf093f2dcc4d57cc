"""Signatures in PowerShell scripts, as `Set-AuthenticodeSignature` writes them.

A block of comments at the end contains the message in Base64. The digest covers the text before the
line break in front of that block, as UTF-16LE, with the byte order mark if there is one.
"""

import base64
import binascii
import codecs
import hashlib
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.signing import der
from signotaur_action.signing.indirect_data import SCRIPT, unsigned_message
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.signed_message import with_nested
from signotaur_wire.signing import DigestAlgorithm

_HASH, _XML, _C = ("# ", ""), ("<!-- ", " -->"), ("/* ", " */")
_COMMENTS = {
    ".ps1": _HASH, ".psm1": _HASH, ".psd1": _HASH,
    ".ps1xml": _XML, ".psc1": _XML, ".cdxml": _XML, ".mof": _C,
}  # fmt: skip
"""The start and end of a comment line in each kind of script."""
_BEGIN, _END = "SIG # Begin signature block", "SIG # End signature block"
_LINE_LENGTH = 64
_UTF_16, _UTF_8 = "utf-16-le", "utf-8"


def is_script(file: Path) -> bool:
    """Return whether a file is a script, by its name."""
    return file.name.lower().endswith(tuple(_COMMENTS))


@dataclass(frozen=True)
class Script:
    """The two parts of a script."""

    text: str
    """What the signature covers, with the byte order mark."""
    message: bytes
    """The signed message, DER; empty if the script is not signed."""
    encoding: str
    comment: tuple[str, str]

    @classmethod
    def read(cls, file: Path) -> "Script":
        """Read a file. Raises FormatError if its encoding or its signature is unclear."""
        content = file.read_bytes()
        encoding = _UTF_16 if content.startswith(codecs.BOM_UTF16_LE) else _UTF_8
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            raise FormatError("it is neither UTF-8 nor UTF-16LE; save it as one of them") from None
        name = file.name.lower()
        before, after = next(_COMMENTS[each] for each in _COMMENTS if name.endswith(each))
        begin, line, end = (
            re.escape(before) + each + re.escape(after)
            for each in (_BEGIN, "([A-Za-z0-9+/=]+)", _END)
        )
        found = re.search(rf"(?:\r?\n|\A){begin}", text)
        if not found:
            return cls(text, b"", encoding, (before, after))
        block = text[found.start() :]
        if not re.fullmatch(rf"\r?\n{begin}\r?\n(?:{line}\r?\n)+{end}(?:\r?\n)?", block):
            raise FormatError("it has the first line of a signature, but no signature at its end")
        encoded = "".join(re.findall(rf"\n{line}(?=\r?\n)", block))
        return cls(text[: found.start()], _message(encoded), encoding, (before, after))

    def digest(self, algorithm: DigestAlgorithm) -> bytes:
        """Return the digest that a signature covers."""
        return hashlib.new(algorithm.value, self.text.encode(_UTF_16)).digest()

    def signed(self, message: bytes) -> bytes:
        """Return the script with a message instead of the present one."""
        before, after = self.comment
        encoded = textwrap.wrap(base64.b64encode(message).decode(), _LINE_LENGTH)
        block = "".join(f"{before}{line}{after}\r\n" for line in (_BEGIN, *encoded, _END))
        return f"{self.text}\r\n{block}".encode(self.encoding)


class ScriptFiles:
    """See ``ports.FileFormats``."""

    def content(self, file: Path, algorithm: DigestAlgorithm, folder: Path) -> bytes:
        """Return a message with the file's digest and without a signer."""
        del folder
        script = Script.read(file)
        if not script.text:
            raise FormatError("it is empty")
        return unsigned_message(SCRIPT, script.digest(algorithm), algorithm)

    def signature(self, file: Path, folder: Path) -> bytes:
        """Return the signature of a file; empty if it has none."""
        del folder
        return Script.read(file).message

    def attach(
        self, file: Path, message: bytes, out: Path, *, certificate: bytes, nested: bool
    ) -> None:
        """Write a signed copy of a file."""
        del certificate
        script = Script.read(file)
        whole = with_nested(script.message, message) if nested else message
        out.write_bytes(script.signed(whole))


def _message(encoded: str) -> bytes:
    try:
        decoded = base64.b64decode(encoded, validate=True)
        message, rest = der.first(decoded)
        der.children(message)
    except (binascii.Error, der.DerError):
        raise FormatError("its signature is damaged") from None
    if base64.b64encode(decoded).decode() != encoded:  # its last bits may say nothing
        raise FormatError("its signature is damaged")
    if rest:
        raise FormatError("it has data after its signature that no signature covers")
    return message
