"""What a run of ``sign`` is asked to do."""

from dataclasses import dataclass
from enum import Enum

from signotaur_action.model import CertificateSelector
from signotaur_action.policy.expiry import Window
from signotaur_wire.signing import DigestAlgorithm

PARALLELISM_DEFAULT = 4
PARALLELISM_MAX = 64


class OnSigned(Enum):
    """What to do with a file that is already signed."""

    SKIP = "skip"
    APPEND = "append"
    REPLACE = "replace"


@dataclass(frozen=True)
class Description:
    """What Windows shows about the signed program; it is part of the signature."""

    text: str = ""
    url: str = ""


@dataclass(frozen=True)
class SigningPlan:
    """What the user asked for."""

    selector: CertificateSelector
    algorithm: DigestAlgorithm = DigestAlgorithm.SHA256
    timestamp_algorithm: DigestAlgorithm = DigestAlgorithm.SHA256
    on_signed: OnSigned = OnSigned.SKIP
    trust_signatures: bool = False
    """Let any osslsigncode read the signatures that files carry."""
    description: Description = Description()
    more_certificates: tuple[bytes, ...] = ()
    """The certificates between the signing certificate and its root, DER."""
    window: Window | None = None
    """Sign nothing if the key expires within this time."""
    parallelism: int = PARALLELISM_DEFAULT
