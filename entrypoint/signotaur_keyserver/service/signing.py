"""``POST /cert/get`` and ``POST /sign``: which certificate, whether, and the signature.

The vendor's form: a refusal of the certificate is an answer with a message, not a problem.
"""

from datetime import datetime

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.key_authorization import KeyCall, require_call
from signotaur_keyserver.domain.policy import (
    BUDGET_PERIOD,
    require_budget,
    signatures_per_hour,
)
from signotaur_keyserver.domain.records import Certificate, Key
from signotaur_keyserver.pki import selection, signatures
from signotaur_keyserver.pki.master_key import MasterKeyError
from signotaur_keyserver.pki.private_keys import PrivateKeys
from signotaur_keyserver.pki.selection import CertificateRefusedError
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.key_transaction import Use, event_of, use
from signotaur_keyserver.service.log_text import sanitize
from signotaur_keyserver.store import certificates, events, lineages
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

_NO_KEY = "The server cannot open this certificate's private key. Ask the server's administrator."


def find_certificate(
    database: Database, caller: Caller, request: CertificateRequest
) -> CertificateAnswer:
    """Return the certificate that a key may use. Reads only.

    Raises CertificateRefusedError, and RefusedError for a key that may not sign.
    """
    require_call(KeyCall.FIND_CERTIFICATE, caller.key)
    with database.read() as connection:
        chosen = _select(connection, caller.key, request, caller.now)
    return CertificateAnswer(DONE, "", chosen.certificate_der, chosen.thumbprint)


def certificate_refused(
    caller: Caller,
    request: CertificateRequest,
    refused: CertificateRefusedError,
    source: str | None,
) -> Event:
    """Return the event of a refused certificate."""
    data: Json = {
        "selectors": {
            "thumbprint": sanitize(request.thumbprint),
            "label": sanitize(request.label),
            "subject": sanitize(request.subject),
        },
        "clientVersion": sanitize(request.client_version),
    }
    message = f"Key {caller.key.id} was refused a certificate."
    data |= _reason(refused)
    event_type = EventType.CERTIFICATE_REFUSED
    return event_of(caller.key, source, refused.level, event_type, message, data)


def sign_digest(
    database: Database,
    private_keys: PrivateKeys,
    caller: Caller,
    request: SignRequest,
    source: str | None,
) -> tuple[SignAnswer, Event | None]:
    """Sign, once the event of it is committed; or answer why not, and return the event of that.

    A refusal changes nothing, so its event is not part of a transaction: the caller sums up
    those of one key, which could fill the disk otherwise. Raises RefusedError for a key that may
    not sign, or not now.
    """
    counted = signatures_per_hour(caller.key) is not None
    with use(database, caller, source, alone=counted) as this:
        require_call(KeyCall.SIGN, this.key)
        _require_budget(this)
        try:
            chosen = _select(this.connection, this.key, _by_thumbprint(request), this.now)
            key = private_keys.open(chosen)
        except CertificateRefusedError as refused:
            return _refuse(this, request, refused)
        except MasterKeyError as error:
            return _fail(this, request, error, chosen)
        _log_signature(this, request, chosen)
    signature = signatures.sign(key, request.digest, request.algorithm)
    return SignAnswer(DONE, "", signature), None


def _require_budget(this: Use) -> None:
    budget = signatures_per_hour(this.key)
    if budget is None:
        return
    # Of the whole lineage: a rotation gives no second budget.
    lineage = lineages.alive_since(this.connection, this.key.id, this.now - BUDGET_PERIOD)
    made = EventType.SIGNATURE_MADE
    oldest = events.moment_of_latest(this.connection, lineage, made, budget)
    require_budget(this.key, oldest, this.now)


def _by_thumbprint(request: SignRequest) -> CertificateRequest:
    return CertificateRequest(request.client_version, thumbprint=request.thumbprint)


def _select(
    connection: Connection, key: Key, request: CertificateRequest, now: datetime
) -> Certificate:
    thumbprint = normal_thumbprint(request.thumbprint or "") or None
    selectable = certificates.candidates(connection, key.owner_id, thumbprint)
    return selection.select(selectable, request, now)


def _log_signature(this: Use, request: SignRequest, chosen: Certificate) -> None:
    message = f"Key {this.key.id} signed with certificate {chosen.id} ({chosen.label})."
    data = _record(request) | {"certificateId": chosen.id, "label": chosen.label}
    this.log(Level.INFORMATION, EventType.SIGNATURE_MADE, message, data)


def _refuse(
    this: Use, request: SignRequest, refused: CertificateRefusedError
) -> tuple[SignAnswer, Event]:
    message = f"Key {this.key.id} was refused a signature."
    data = _record(request) | _reason(refused)
    event_type = EventType.SIGNATURE_REFUSED
    event = event_of(this.key, this.source, refused.level, event_type, message, data)
    return SignAnswer(FAILED, str(refused)), event


def _fail(
    this: Use, request: SignRequest, error: MasterKeyError, chosen: Certificate
) -> tuple[SignAnswer, Event]:
    message = f"No signature for key {this.key.id} with certificate {chosen.id}: {error}."
    data = _record(request) | {"certificateId": chosen.id, "label": chosen.label}
    event_type = EventType.SIGNATURE_REFUSED
    event = event_of(this.key, this.source, Level.ERROR, event_type, message, data)
    return SignAnswer(FAILED, _NO_KEY), event


def _reason(refused: CertificateRefusedError) -> Json:
    denied = None if refused.certificate is None else refused.certificate.id
    return {"reason": str(refused), "certificateId": denied}


def _record(request: SignRequest) -> Json:
    return {
        "thumbprint": sanitize(request.thumbprint),
        "digest": request.digest.hex(),
        "digestHashAlgorithm": request.algorithm.value,
        "fileName": sanitize(request.file_name),
        "fileSizeInBytes": request.file_size,
        "fileVersion": sanitize(request.file_version),
        "clientVersion": sanitize(request.client_version),
    }
