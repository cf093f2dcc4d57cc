"""Files of every kind that can be signed, made here or taken from what the tests need anyway."""

import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import setuptools
from asn1crypto import core

from signotaur_action.signing import der

_LAUNCHERS = Path(setuptools.__file__).parent
MARKER = b"only the digest of these bytes may travel"
_MSI_TABLE = "CREATE TABLE `T` (`K` CHAR(8) NOT NULL, `V` CHAR(8) PRIMARY KEY `K`)"
_WIDTH = 512


def launcher(path: Path, kind: str = "cli-64") -> Path:
    """Copy a program that Microsoft's compiler made: setuptools ships some."""
    path.write_bytes((_LAUNCHERS / f"{kind}.exe").read_bytes())
    return path


def tiny_pe(path: Path, filling: bytes = MARKER) -> Path:
    """Make the smallest 64-bit program: two headers and one section."""
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 0xF0, 0x22)
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII",
        *(0x20B, 14, 0, _WIDTH, 0, 0, 0x1000, 0x1000, 0x140000000, 0x1000, _WIDTH),
        *(6, 0, 0, 0, 6, 0, 0, 0x2000, _WIDTH, 0, 3, 0),
        *(0x100000, 0x1000, 0x100000, 0x1000, 0, 16),
    )
    section = b".text".ljust(8, b"\0") + struct.pack(
        "<IIIIIIHHI", _WIDTH, 0x1000, _WIDTH, _WIDTH, 0, 0, 0, 0, 0x60000020
    )
    head = dos + coff + optional + b"\0" * 128 + section
    path.write_bytes(head.ljust(_WIDTH, b"\0") + filling.ljust(_WIDTH, b"\xc3"))
    return path


def installer(path: Path) -> Path:
    """Make an MSI with one table."""
    summary = ("-s", "Test", "Test", ";1033", "{12345678-1234-1234-1234-111111111111}")
    for options in (summary, ("-q", _MSI_TABLE)):
        subprocess.run(["msibuild", path, *options], check=True, capture_output=True, timeout=120)
    return path


def cabinet(path: Path, filling: bytes = MARKER * 100) -> Path:
    """Make a CAB with two files."""
    for name in ("one.bin", "two.bin"):
        (path.parent / name).write_bytes(filling)
    subprocess.run(
        ["gcab", "-c", path.name, "one.bin", "two.bin"],
        cwd=path.parent, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    for name in ("one.bin", "two.bin"):
        (path.parent / name).unlink()
    return path


def script(path: Path, encoding: str = "utf-8") -> Path:
    """Make a script of PowerShell."""
    path.write_bytes('Write-Host "Grüße"\r\n'.encode(encoding))
    return path


def catalogue(path: Path) -> Path:
    """Make a catalogue with one member and no signer, as makecat does before signtool."""
    moment = core.UTCTime(datetime(2026, 1, 1, tzinfo=UTC)).dump()
    attribute = der.sequence(der.oid("1.3.6.1.4.1.311.12.2.2"), der.set_of(der.octets(b"x")))
    trust_list = der.sequence(
        der.sequence(der.oid("1.3.6.1.4.1.311.12.1.1")),
        der.octets(b"\1" * 16),
        moment,
        der.sequence(der.oid("1.3.6.1.4.1.311.12.1.2"), der.NULL),
        der.sequence(der.sequence(der.octets(b"\2" * 20), der.set_of(attribute))),
    )
    content = der.sequence(der.oid("1.3.6.1.4.1.311.10.1"), der.tagged(0, trust_list))
    message = der.sequence(der.integer(1), der.set_of(), content, der.set_of())
    path.write_bytes(der.sequence(der.oid("1.2.840.113549.1.7.2"), der.tagged(0, message)))
    return path


def for_osslsigncode(folder: Path) -> list[Path]:
    """Make one file of every kind that osslsigncode reads and writes."""
    return [installer(folder / "setup.msi"), cabinet(folder / "data.cab")]


def one_of_each(folder: Path) -> list[Path]:
    """Make one file of every kind."""
    return [
        launcher(folder / "launcher.exe"),
        launcher(folder / "for arm [64].exe", "cli-arm64"),
        tiny_pe(folder / "tiny.dll"),
        *for_osslsigncode(folder),
        script(folder / "plain.ps1"),
        script(folder / "mark.psm1", "utf-8-sig"),
        script(folder / "wide.ps1", "utf-16"),
        catalogue(folder / "drivers.cat"),
    ]
