"""Which certificate on the server a command means."""

from signotaur_action.model import CertificateSelector
from signotaur_action.options.sign import LABEL, SUBJECT, THUMBPRINT
from signotaur_action.settings.layers import Settings
from signotaur_wire.signing import is_thumbprint

SELECTORS = (THUMBPRINT, LABEL, SUBJECT)


def certificate_selector(settings: Settings) -> CertificateSelector | None:
    """Return the selector; None with the fault in ``settings`` when there is none."""
    chosen = settings.preferred(*SELECTORS)
    if chosen is None:
        settings.faults.append(
            "no certificate is selected; give --label, --thumbprint or --subject"
        )
        return None
    option, value = chosen
    if option is THUMBPRINT and not is_thumbprint(value):
        settings.faults.append("--thumbprint: it must be the SHA-1 of a certificate, 40 hex digits")
    return CertificateSelector(option.name, value)
