"""The program osslsigncode, which reads and writes the file formats. Only this module starts it.

It never gets a key: it computes the digest of a file, and later puts a finished signature into a
copy of it. Its environment is empty, it runs in a new folder, and its time, memory and files are
limited in proportion to the file. It has no network where the system lets a job cut it off.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.errors import (
    OsslsigncodeMissingError,
    os_reason,
)
from signotaur_action.machine import MACHINE, Limits
from signotaur_action.signing.existing_signatures import has_extended_signature
from signotaur_action.signing.outcomes import FormatError
from signotaur_wire.signing import DigestAlgorithm

PROGRAM = "osslsigncode"
_LONGEST = 120
_MEMORY, _MEMORY_PER_BYTE = 256 << 20, 6
"""It maps files and copies what it changes: 8 MiB and up to 4 bytes for each byte of the file."""
_OUTPUT, _OUTPUT_PER_BYTE = 16 << 20, 2
_OPEN_FILES = 32
_VERSION = re.compile(r"osslsigncode (\d+)\.(\d+)(?:\.\d+)*, using:")
"""A development version counts as unknown: it may be older than the release of its number."""
_ATTACH_TRUSTS = re.compile(r"^ attach-signature .*\n(?:  .*\n)*? +\[ -CAfile", re.MULTILINE)
"""Up to 2.13 ``attach-signature`` takes certificates to trust; 2.14 fails with that option."""
_SAFE = (2, 13)
"""2.12 fixed a buffer overflow in reading digests, 2.13 others in page hashes: upstream's NEWS."""
_NOT_AN_ERROR = re.compile(r"Failed|Succeeded|Usage:.*|[0-9A-F]{8,}:error:.*|\s*|.*checksum.*")


class Osslsigncode:
    """See ``ports.FileFormats``."""

    def __init__(self, program: str, help_text: str) -> None:
        """``help_text`` is what the program prints with ``--help``: it begins with the version."""
        self._program = str(Path(program).absolute())
        found = _VERSION.search(help_text)
        self._version = (int(found[1]), int(found[2])) if found else None
        self._attach_verifies_chain = _ATTACH_TRUSTS.search(help_text) is not None

    @property
    def name(self) -> str:
        """The program and its version."""
        version = self._version
        return f"{PROGRAM} {version[0]}.{version[1]}" if version else f"this {PROGRAM}"

    @property
    def reads_signatures_safely(self) -> bool:
        """Return whether it may read existing signatures; False if the version is unknown.

        A fix that a distribution has applied to an older version cannot be seen.
        """
        return self._version is not None and self._version >= _SAFE

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> "Osslsigncode":
        """Return the program. Raises OsslsigncodeMissingError if it is missing or too old."""
        program = shutil.which(PROGRAM, path=environ.get("PATH"))
        if program is None:
            raise OsslsigncodeMissingError(
                "osslsigncode is not installed; MSI and CAB files need it."
            )
        try:
            help_text = _run(program, "--help")[1]
        except FormatError as fault:
            raise OsslsigncodeMissingError(f"{program} cannot be used: {fault}.") from None
        if "extract-data" not in help_text:  # the releases before 2.8
            version = re.search(r"osslsigncode ([0-9.]+[0-9])", help_text)
            raise OsslsigncodeMissingError(
                f"{program} is {'not osslsigncode' if version is None else version[1]}; "
                "osslsigncode 2.8 or newer is needed."
            )
        return cls(program, help_text)

    def content(self, file: Path, algorithm: DigestAlgorithm, folder: Path) -> bytes:
        """Return a PKCS #7 message with the file's digest, without a signer. Raises FormatError."""
        out = folder / "content.p7"
        out.unlink(missing_ok=True)
        digest = algorithm.value.lower()
        code, output = self._run(
            file, folder, "extract-data", *_extension(file), "-h", digest, "-in", file, "-out", out
        )
        if code:
            raise FormatError(_reason(output))
        return out.read_bytes()

    def signature(self, file: Path, folder: Path) -> bytes:
        """Return the signature of a file; empty if it has none."""
        out = folder / "signature.p7"
        out.unlink(missing_ok=True)
        code, _ = self._run(file, folder, "extract-signature", "-in", file, "-out", out)
        return out.read_bytes() if code == 0 and out.exists() else b""

    def attach(
        self, file: Path, message: bytes, out: Path, *, certificate: bytes, nested: bool
    ) -> None:
        """Write a signed copy of a file. Raises FormatError.

        Up to 2.13 osslsigncode then verifies the chain up to a root, and fails where it knows none:
        what counts is the copy, which the caller verifies. It is given this certificate alone to
        trust, so that it looks for nothing in the network.
        """
        attached, trusted = out.with_name("attached.p7"), out.with_name("trusted.pem")
        attached.write_bytes(message)
        trusted.write_bytes(certificate)
        trust = ("-CAfile", trusted, "-TSA-CAfile", trusted) if self._attach_verifies_chain else ()
        _, output = self._run(
            file,
            out.parent,
            "attach-signature",
            *(["-nest"] if nested else []),
            *_extension(file),
            *trust,
            *("-sigin", attached, "-in", file, "-out", out),
        )
        if not out.exists():
            raise FormatError(_reason(output))

    def _run(self, file: Path, folder: Path, *arguments: str | Path) -> tuple[int, str]:
        return _run(self._program, *arguments, size=file.stat().st_size, folder=folder)


def _run(
    program: str, *arguments: str | Path, size: int = 0, folder: Path | None = None
) -> tuple[int, str]:
    """Run the program for a file of this size; return its exit code and what it printed.

    ``folder``: where it runs, so that it finds no file by a relative name.
    """
    limits = Limits(
        cpu_seconds=_LONGEST,
        memory=_MEMORY + _MEMORY_PER_BYTE * size,
        file_size=_OUTPUT + _OUTPUT_PER_BYTE * size,
        open_files=_OPEN_FILES,
    )
    try:
        done = subprocess.run(  # noqa: S603 - see above
            MACHINE.limited([program, *map(str, arguments)], limits),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"LC_ALL": "C"},  # no OPENSSL_CONF or similar variables
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FormatError(f"osslsigncode took more than {_LONGEST} s") from None
    except OSError as error:
        reason = os_reason(error)
        raise FormatError(f"osslsigncode does not start ({reason})") from None
    if done.returncode < 0:  # what it has written until then is not to be trusted
        raise FormatError(f"osslsigncode was stopped: {signal.strsignal(-done.returncode)}")
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _extension(file: Path) -> list[str]:
    """Return the option for an MSI whose signature covers more than the streams in it."""
    return ["-add-msi-dse"] if has_extended_signature(file) else []


def _reason(output: str) -> str:
    lines = [line for line in output.splitlines() if not _NOT_AN_ERROR.fullmatch(line)]
    return (
        f"osslsigncode: {escape_untrusted(lines[-1].strip())}"
        if lines
        else "osslsigncode failed without a message"
    )
