"""Signing: many small programs by the server, against ``osslsigncode`` with a key of its own."""

import shutil
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from key_server import KeyServer
from processes import PATIENCE, PYTHON, BenchmarkError, environment, output_of, timed
from samples import Samples, rounds

FILES = 500
PARALLELISM = 4
_PROGRAM = "osslsigncode"
_CLIENT = (*PYTHON, "-m", "signotaur_action")
_KEYSERVER = (*PYTHON, "-m", "signotaur_keyserver")
_SECTION = 512


@dataclass(frozen=True)
class SigningRates:
    """Files signed per second, and what the server was asked for them."""

    client: Samples
    local_key: Samples
    round_trips: int


def measure_signing(keyserver: KeyServer, home: Path) -> SigningRates | None:
    """Alternate ``sign`` with plain osslsigncode; None where that is missing or too old."""
    if "extract-data" not in _told_by_osslsigncode():
        return None
    _add_certificate(keyserver)
    key_file = home / "signing.key"
    key_file.touch(mode=0o600)
    key_file.write_text(keyserver.add_key())
    local = _local_key(home)
    before = _round_trips(keyserver)
    client, plain = [], []
    for _ in rounds(3, 40):
        client.append(FILES / _sign(keyserver, key_file, _programs(home)))
        plain.append(FILES / _sign_plainly(local, _programs(home)))
    trips = (_round_trips(keyserver) - before) // len(client)
    return SigningRates(Samples.of(client), Samples.of(plain), trips)


def _told_by_osslsigncode() -> str:
    if shutil.which(_PROGRAM) is None:
        return ""
    done = subprocess.run(
        [_PROGRAM, "--help"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.stdout


def _add_certificate(keyserver: KeyServer) -> None:
    add = ("cert", "add", "--label=bench", "--self-signed", "--subject=CN=Bench", "--user=build")
    kind = "--key-type=rsa-2048"
    output_of((*_KEYSERVER, *add, kind, f"--data-dir={keyserver.folder}"), keyserver.folder)


def _programs(home: Path) -> Path:
    """Make a folder with so many small programs; return it."""
    folder = home / "programs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number}.exe").write_bytes(_program(number))
    return folder


def _program(number: int) -> bytes:
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 0xF0, 0x22)
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII",
        *(0x20B, 14, 0, _SECTION, 0, 0, 0x1000, 0x1000, 0x140000000, 0x1000, _SECTION),
        *(6, 0, 0, 0, 6, 0, 0, 0x2000, _SECTION, 0, 3, 0),
        *(0x100000, 0x1000, 0x100000, 0x1000, 0, 16),
    )
    section = b".text".ljust(8, b"\0") + struct.pack(
        "<IIIIIIHHI", _SECTION, 0x1000, _SECTION, _SECTION, 0, 0, 0, 0, 0x60000020
    )
    head = dos + coff + optional + b"\0" * 128 + section
    return head.ljust(_SECTION, b"\0") + struct.pack("<I", number).ljust(_SECTION, b"\xc3")


def _sign(keyserver: KeyServer, key_file: Path, folder: Path) -> float:
    """Return the seconds of one ``sign``, from its start to its end."""
    command = (
        *_CLIENT,
        "sign",
        f"--api-key-file={key_file}",
        f"--sign-server={keyserver.server.url}",
        f"--ca-file={keyserver.ca_file}",
        "--label=bench",
        f"--max-degree-of-parallelism={PARALLELISM}",
        f"--base-directory={folder}",
        "*.exe",
    )
    return timed(command, folder.parent).seconds


def _local_key(home: Path) -> tuple[Path, Path]:
    certificate, key = home / "local.pem", home / "local.key"
    output_of(
        (
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Bench"),
            *("-addext", "extendedKeyUsage=codeSigning"),
            *("-keyout", str(key), "-out", str(certificate)),
        ),
        home,
    )
    return certificate, key


def _sign_plainly(local: tuple[Path, Path], folder: Path) -> float:
    """Return the seconds for the same number of files, as many at a time."""
    certificate, key = map(str, local)

    def sign(file: Path) -> None:
        signed = file.with_suffix(".signed")
        command = (_PROGRAM, "sign", "-certs", certificate, "-key", key, "-h", "sha256")
        done = subprocess.run(
            [*command, "-in", str(file), "-out", str(signed)],
            capture_output=True, timeout=PATIENCE, check=False, env=environment(folder),
        )  # fmt: skip
        if done.returncode:
            raise BenchmarkError(f"{_PROGRAM} failed: {done.stdout!r}")
        signed.replace(file)

    begin = time.perf_counter()
    with ThreadPoolExecutor(PARALLELISM) as pool:
        list(pool.map(sign, sorted(folder.iterdir())))
    return time.perf_counter() - begin


def _round_trips(keyserver: KeyServer) -> int:
    """Return how many requests the server has answered, by its own count."""
    with keyserver.connection() as connection:
        connection.request("GET", "/metrics")
        told = connection.getresponse().read().decode()
    counted = (each for each in told.splitlines() if each.startswith("signotaur_requests_total{"))
    return sum(int(float(each.rpartition(" ")[2])) for each in counted)
