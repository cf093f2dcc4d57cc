"""The settings that only ``verify`` has. Collects every fault."""

from pathlib import Path

from signotaur_action.errors import os_reason
from signotaur_action.http.session import usual_authorities
from signotaur_action.options.common import CA_FILE
from signotaur_action.options.verify import IGNORE_UNTRUSTED_ROOT, REVOCATION_MODE
from signotaur_action.settings.layers import Settings
from signotaur_action.signing.certificate import CertificateError, certificates_in
from signotaur_action.signing.trust import Trust

_NO_CHECK = "nocheck"
_NOT_HERE = ("online", "offline")


def trust(settings: Settings) -> Trust:
    """Return the roots to trust; an unknown or unsupported revocation mode is a fault."""
    settings.checked(REVOCATION_MODE, _require_mode, None)
    nothing: tuple[bytes, ...] = ()
    roots = settings.checked(CA_FILE, _roots, nothing)
    return Trust.of(roots, accepts_any_root=settings.flag(IGNORE_UNTRUSTED_ROOT))


def _require_mode(text: str) -> None:
    mode = text.strip().lower()
    if mode in _NOT_HERE:
        raise ValueError(
            f"{text} is not supported, because this client cannot ask whether a certificate was "
            "revoked; give NoCheck, and check that with another program"
        )
    if mode != _NO_CHECK:
        raise ValueError("it must be NoCheck")


def _roots(text: str) -> tuple[bytes, ...]:
    path = Path(text) if text else usual_authorities()
    try:
        return certificates_in(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({os_reason(error)})") from None
    except CertificateError as error:
        raise ValueError(f"{path}: {error}") from None
