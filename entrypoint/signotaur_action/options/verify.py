"""The options that only ``verify`` takes."""

from signotaur_action.options.declare import declare

_TRUST = "Trust"

REVOCATION_MODE = declare(
    "revocation-mode",
    group=_TRUST,
    metavar="MODE",
    default="NoCheck",
    help="Whether certificates were revoked: Online asks their issuers, Offline looks into the "
    "lists in the signature, NoCheck does neither.",
)
STRICT_LIFETIME = declare(
    "strict-lifetime",
    group=_TRUST,
    help="Accept no signature whose certificate has expired, even if it has a timestamp.",
)
IGNORE_UNTRUSTED_ROOT = declare(
    "ignore-untrusted-root",
    group=_TRUST,
    help="Accept every root that is in a signature. It then proves nothing about who signed.",
)
