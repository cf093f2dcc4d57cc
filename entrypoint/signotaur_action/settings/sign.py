"""The settings of ``sign``: certificate, files, options. Collects every fault.

``verify`` and ``timestamp`` take some of them.
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from signotaur_action.errors import os_reason
from signotaur_action.http.address import proxy_for
from signotaur_action.key_server.signing import HttpTimestampServer
from signotaur_action.model import CertificateSelector
from signotaur_action.options.common import FAIL_IF_EXPIRING_WITHIN
from signotaur_action.options.sign import (
    ADDITIONAL_CERTIFICATES,
    APPEND,
    BASE_DIRECTORY,
    DESCRIPTION,
    DESCRIPTION_URL,
    ENCODING,
    FALLBACK_TIMESTAMP_SERVER,
    FILE_DIGEST,
    FILE_LIST,
    MAX_DEGREE_OF_PARALLELISM,
    REPLACE,
    RETRIES_ON_FAILURE,
    TIMESTAMP_DIGEST,
    TIMESTAMP_SERVER,
    TRUST_EXISTING_SIGNATURES,
)
from signotaur_action.policy.expiry import parse_window
from signotaur_action.ports import Clock
from signotaur_action.settings.certificate import certificate_selector
from signotaur_action.settings.encodings import known_codec
from signotaur_action.settings.layers import Settings
from signotaur_action.signing.certificate import CertificateError, certificates_in
from signotaur_action.signing.files import FilesError, matching, patterns_in
from signotaur_action.signing.plan import (
    PARALLELISM_DEFAULT,
    PARALLELISM_MAX,
    Description,
    OnSigned,
    SigningPlan,
)
from signotaur_wire.signing import DigestAlgorithm

_MOST_RETRIES = 100


def signing_plan(settings: Settings) -> SigningPlan | None:
    """Return the plan; None, with the fault in ``settings``, if no certificate is selected."""
    selector = certificate_selector(settings)
    digest = settings.checked(FILE_DIGEST, _digest, DigestAlgorithm.SHA256)
    if settings.flag(APPEND) and settings.flag(REPLACE):
        settings.faults.append("--append and --replace cannot be used together")
    plan = SigningPlan(
        selector=selector or CertificateSelector("label", ""),
        algorithm=digest,
        timestamp_algorithm=timestamp_digest(settings, digest),
        on_signed=_on_signed(settings),
        trust_signatures=settings.flag(TRUST_EXISTING_SIGNATURES),
        description=Description(
            settings.text(DESCRIPTION), settings.checked(DESCRIPTION_URL, _ascii, "")
        ),
        more_certificates=settings.checked(ADDITIONAL_CERTIFICATES, _certificates, ()),
        window=settings.checked(FAIL_IF_EXPIRING_WITHIN, parse_window, None),
        parallelism=parallelism(settings),
    )
    return None if selector is None else plan


def parallelism(settings: Settings) -> int:
    """Return how many files are worked on at the same time."""
    return settings.checked(MAX_DEGREE_OF_PARALLELISM, _parallelism, PARALLELISM_DEFAULT)


def timestamp_digest(settings: Settings, fallback: DigestAlgorithm) -> DigestAlgorithm:
    """Return the digest of a signature that timestamp servers get."""
    return settings.checked(TIMESTAMP_DIGEST, _digest, fallback)


def timestamp_servers(settings: Settings, clock: Clock) -> list[HttpTimestampServer]:
    """Return the timestamp servers, in the order in which they are asked."""
    first = settings.text(TIMESTAMP_SERVER)
    fallbacks = settings.texts(FALLBACK_TIMESTAMP_SERVER)
    if fallbacks and not first:
        settings.faults.append(
            f"{FALLBACK_TIMESTAMP_SERVER} can only be used with --timestamp-server"
        )
    if settings.is_given(TIMESTAMP_DIGEST) and not first:
        settings.faults.append("--timestamp-digest can only be used with --timestamp-server")
    named = [(TIMESTAMP_SERVER, first)] if first else []
    named += [(FALLBACK_TIMESTAMP_SERVER, url) for url in fallbacks]
    for option, url in named:
        if not _is_url(url):
            settings.faults.append(f"{option}: it must be an http or https URL")
            return []
    return [HttpTimestampServer(url, clock, proxy_for(url, settings.environ)) for _, url in named]


def named_files(settings: Settings, arguments: Sequence[str]) -> list[Path]:
    """Return the files that arguments and ``--file-list`` name."""
    base = Path(settings.text(BASE_DIRECTORY))
    if not base.is_dir():
        settings.faults.append(f"--base-directory: {base} is not a folder")
        return []
    nothing: list[str] = []
    encoding = settings.checked(ENCODING, known_codec, "utf-8")
    listed = settings.checked(FILE_LIST, lambda text: _listed(text, encoding), nothing)
    patterns = [*filter(None, arguments), *listed]
    if not patterns:
        settings.faults.append("no files are named; give file names or --file-list")
        return []
    try:
        return matching(patterns, base)
    except FilesError as fault:
        settings.faults.extend(fault.faults)
        return []


def retries_on_failure(settings: Settings) -> int:
    """Return how often a call to the server is repeated at most."""
    return settings.checked(RETRIES_ON_FAILURE, _retries, 0)


def _on_signed(settings: Settings) -> OnSigned:
    if settings.flag(APPEND):
        return OnSigned.APPEND
    return OnSigned.REPLACE if settings.flag(REPLACE) else OnSigned.SKIP


def _digest(text: str) -> DigestAlgorithm:
    try:
        return DigestAlgorithm(text.strip().upper())
    except ValueError:
        raise ValueError("it must be SHA256, SHA384 or SHA512") from None


def _parallelism(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= PARALLELISM_MAX:
        raise ValueError(f"it must be a whole number from 1 to {PARALLELISM_MAX}")
    return int(text)


def _ascii(text: str) -> str:
    if not text.isascii():
        raise ValueError("it must contain ASCII characters only")
    return text


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _certificates(text: str) -> tuple[bytes, ...]:
    return tuple(found for path in filter(None, text.split(",")) for found in _in_file(path))


def _in_file(path: str) -> tuple[bytes, ...]:
    try:
        return certificates_in(_content(path))
    except CertificateError as error:
        raise ValueError(f"{path}: {error}") from None


def _retries(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_RETRIES:
        raise ValueError(f"it must be a whole number from 0 to {_MOST_RETRIES}")
    return int(text)


def _listed(text: str, encoding: str) -> list[str]:
    if not text:
        return []
    try:
        return patterns_in(_content(text).decode(encoding))
    except UnicodeDecodeError:
        raise ValueError(f"{text} is not {encoding}; --encoding chooses another encoding") from None


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({os_reason(error)})") from None
