"""The settings that only ``verify`` has. Collects every fault."""

from pathlib import Path

from signotaur_action.errors import os_reason
from signotaur_action.http.session import usual_authorities
from signotaur_action.options.common import CA_FILE
from signotaur_action.options.verify import IGNORE_UNTRUSTED_ROOT, REVOCATION_MODE
from signotaur_action.settings.layers import Settings
from signotaur_action.signing.certificate import CertificateError, certificates_in
from signotaur_action.signing.outcomes import RevocationMode
from signotaur_action.signing.trust import Trust

_MODES = {each.lower(): each for each in RevocationMode}


def trust(settings: Settings) -> Trust:
    """Return the roots to trust."""
    nothing: tuple[bytes, ...] = ()
    roots = settings.checked(CA_FILE, _roots, nothing)
    return Trust.of(roots, accepts_any_root=settings.flag(IGNORE_UNTRUSTED_ROOT))


def revocation_mode(settings: Settings) -> RevocationMode:
    """Return where to look for revoked certificates."""
    mode = settings.checked(REVOCATION_MODE, _mode, RevocationMode.NO_CHECK)
    if mode is RevocationMode.ONLINE and settings.flag(IGNORE_UNTRUSTED_ROOT):
        settings.faults.append(
            "--ignore-untrusted-root and --revocation-mode Online cannot be used together: anybody "
            "who makes a file could choose the addresses that this machine asks"
        )
    return mode


def _mode(text: str) -> RevocationMode:
    try:
        return _MODES[text.strip().lower()]
    except KeyError:
        raise ValueError(f"it must be one of {', '.join(RevocationMode)}") from None


def _roots(text: str) -> tuple[bytes, ...]:
    path = Path(text) if text else usual_authorities()
    try:
        return certificates_in(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({os_reason(error)})") from None
    except CertificateError as error:
        raise ValueError(f"{path}: {error}") from None
