"""``POST /cert/get`` and ``POST /sign``: which certificate, whether, and the signature.

The vendor's form: a refusal of the certificate is an answer with a message, not a problem.
"""

from datetime import datetime

from sqlalchemy import Connection

from signotaur_keyserver.database import Database
from signotaur_keyserver.events import EventType, Level
from signotaur_keyserver.pki import selection, signatures
from signotaur_keyserver.pki.private_keys import PrivateKeys
from signotaur_keyserver.pki.selection import CertificateRefused
from signotaur_keyserver.pki.vault import VaultError
from signotaur_keyserver.records import Certificate, Key
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.told import told
from signotaur_keyserver.service.use import Use, use
from signotaur_keyserver.store import certificates
from signotaur_wire.members import Json
from signotaur_wire.signing import (
    DONE,
    FAILED,
    CertificateAnswer,
    CertificateRequest,
    SignAnswer,
    SignRequest,
    normal_thumbprint,
)

_NO_KEY = "The server cannot open this certificate's private key. Ask who runs it."


def find_certificate(
    database: Database, caller: Caller, request: CertificateRequest
) -> CertificateAnswer:
    """Return the certificate that a key may use. Reads only. Raises CertificateRefused."""
    with database.read() as connection:
        chosen = _select(connection, caller.key, request, caller.now)
    return CertificateAnswer(DONE, "", chosen.certificate_der, chosen.thumbprint)


def refuse_certificate(
    database: Database,
    caller: Caller,
    request: CertificateRequest,
    refused: CertificateRefused,
    source: str | None,
) -> CertificateAnswer:
    """Write a refusal's event and return its answer."""
    data: Json = {
        "selectors": {
            "thumbprint": told(request.thumbprint),
            "label": told(request.label),
            "subject": told(request.subject),
        },
        "clientVersion": told(request.client_version),
    }
    with use(database, caller, source) as this:
        message = f"Key {this.key.id} was refused a certificate."
        _log_refusal(this, EventType.CERTIFICATE_REFUSED, message, refused, data)
    return CertificateAnswer(FAILED, str(refused))


def sign_digest(
    database: Database,
    private_keys: PrivateKeys,
    caller: Caller,
    request: SignRequest,
    source: str | None,
) -> SignAnswer:
    """Sign, once the event of it is committed; or write why not, and answer so."""
    with use(database, caller, source) as this:
        try:
            chosen = _select(this.connection, this.key, _by_thumbprint(request), this.now)
            key = private_keys.open(chosen)
        except CertificateRefused as refused:
            return _refuse(this, request, refused)
        except VaultError as error:
            return _fail(this, request, error, chosen)
        _log_signature(this, request, chosen)
    return SignAnswer(DONE, "", signatures.sign(key, request.digest, request.algorithm))


def _by_thumbprint(request: SignRequest) -> CertificateRequest:
    return CertificateRequest(request.client_version, thumbprint=request.thumbprint)


def _select(
    connection: Connection, key: Key, request: CertificateRequest, now: datetime
) -> Certificate:
    thumbprint = normal_thumbprint(request.thumbprint or "") or None
    found = certificates.candidates(connection, key.owner_id, thumbprint)
    return selection.select(found, request, now)


def _log_signature(this: Use, request: SignRequest, chosen: Certificate) -> None:
    message = f"Key {this.key.id} signed with certificate {chosen.id} ({chosen.label})."
    data = _record(request) | {"certificateId": chosen.id, "label": chosen.label}
    this.log(Level.INFORMATION, EventType.SIGNATURE_MADE, message, data)


def _refuse(this: Use, request: SignRequest, refused: CertificateRefused) -> SignAnswer:
    message = f"Key {this.key.id} was refused a signature."
    _log_refusal(this, EventType.SIGNATURE_REFUSED, message, refused, _record(request))
    return SignAnswer(FAILED, str(refused))


def _fail(this: Use, request: SignRequest, error: VaultError, chosen: Certificate) -> SignAnswer:
    message = f"No signature for key {this.key.id} with certificate {chosen.id}: {error}."
    data = _record(request) | {"certificateId": chosen.id, "label": chosen.label}
    this.log(Level.ERROR, EventType.SIGNATURE_REFUSED, message, data)
    return SignAnswer(FAILED, _NO_KEY)


def _log_refusal(
    this: Use, event_type: EventType, message: str, refused: CertificateRefused, data: Json
) -> None:
    denied = None if refused.certificate is None else refused.certificate.id
    data |= {"reason": str(refused), "certificateId": denied}
    this.log(refused.level, event_type, message, data)


def _record(request: SignRequest) -> Json:
    return {
        "thumbprint": told(request.thumbprint),
        "digest": request.digest.hex(),
        "digestHashAlgorithm": request.algorithm.value,
        "fileName": told(request.file_name),
        "fileSizeInBytes": request.file_size,
        "fileVersion": told(request.file_version),
        "clientVersion": told(request.client_version),
    }
