"""Which certificate on the server a command means."""

from signotaur_action.model import CertificateSelector
from signotaur_action.options.sign import LABEL, SUBJECT, THUMBPRINT
from signotaur_action.settings.config_file import require_thumbprint
from signotaur_action.settings.layers import Settings

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
    if option is THUMBPRINT:
        try:
            require_thumbprint(value)
        except ValueError as fault:
            settings.faults.append(f"{THUMBPRINT}: {fault}")
    return CertificateSelector(option.name, value)
