"""What a person does with certificates: add, list, remove and export them, and grant access."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Certificate, CertificateState, Person, User
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.material import Material, MaterialError, load_chain
from signotaur_keyserver.pki.selection import (
    Candidate,
    CertificateRefusedError,
    select,
)
from signotaur_keyserver.service.administration import AdministrationError, require_user
from signotaur_keyserver.service.certificate_names import (
    find_named,
    require_free,
    require_label,
)
from signotaur_keyserver.service.person_transaction import require_administrator
from signotaur_keyserver.store import certificates, events
from signotaur_wire.members import Json
from signotaur_wire.signing import CertificateRequest


@dataclass(frozen=True)
class CertificateOverview:
    """A certificate as a person sees it."""

    certificate: Certificate
    now: datetime
    users: tuple[str, ...]
    """Users with access of their own; administrators have it anyway."""


@dataclass(frozen=True)
class Added:
    """A certificate that was added."""

    certificate: Certificate
    state: CertificateState
    signs_code: bool
    """Whether it says that it is for code signing."""


def add_certificate(
    database: Database,
    sealer: Sealer,
    label: str,
    make: Callable[[datetime], Material],
    users: Sequence[str] = (),
) -> Added:
    """Add what ``make`` returns for the present moment, its private key sealed.

    Raises AdministrationError and MasterKeyError.
    """
    require_label(label)
    with database.read() as connection:
        material = _made(make, database.clock.now(connection))
    with _change(database, None) as (connection, now):
        owners = [require_user(connection, name) for name in dict.fromkeys(users)]
        _prove(connection, sealer)
        sealer.create()
        certificate = _insert(connection, sealer, label, material, now)
        message = f"Certificate {certificate.id} ({label}) was added."
        _log(connection, now, EventType.CERTIFICATE_ADDED, message, certificate)
        for owner in owners:
            _grant(connection, now, certificate, owner)
        state = certificate.state(now)
        return Added(certificate, state, material.signs_code)


def list_certificates(database: Database) -> list[CertificateOverview]:
    """Return every certificate, also the removed ones, with its users."""
    with database.read() as connection:
        now = database.clock.now(connection)
        names = certificates.user_names(connection)
        return [
            CertificateOverview(certificate, now, tuple(names.get(certificate.id, ())))
            for certificate in certificates.every(connection)
        ]


def certificates_of(database: Database, owner_id: int | None) -> list[CertificateOverview]:
    """Return the certificates that a user may sign with; None: all that were not removed."""
    with database.read() as connection:
        now = database.clock.now(connection)
        names = certificates.user_names(connection)
        allowed = None if owner_id is None else certificates.granted_ids(connection, owner_id)
        return [
            CertificateOverview(certificate, now, tuple(names.get(certificate.id, ())))
            for certificate in certificates.present(connection)
            if allowed is None or certificate.id in allowed
        ]


def signing_by_label(overviews: Sequence[CertificateOverview]) -> set[int]:
    """Return the ids of those that sign when a user of all of them gives their label."""
    signing_ids = set()
    offered = [Candidate(each.certificate, granted=True) for each in overviews]
    for each in overviews:
        with suppress(CertificateRefusedError):
            request = CertificateRequest("", label=each.certificate.label)
            signing_ids.add(select(offered, request, each.now).id)
    return signing_ids


def set_certificate_enabled(
    database: Database, name: str, *, enabled: bool, by: Person | None = None
) -> int:
    """Enable or disable a certificate by id, alias or label; return its id.

    A disabled certificate never signs. ``by`` is who asked on the pages, here and below; None is
    somebody at the command line.
    """
    with _change(database, by) as (connection, now):
        certificate = find_named(connection, name)
        if certificate.enabled is not enabled:
            certificates.set_enabled(connection, certificate.id, enabled=enabled)
            word = "enabled" if enabled else "disabled"
            event_type = (
                EventType.CERTIFICATE_ENABLED if enabled else EventType.CERTIFICATE_DISABLED
            )
            message = f"Certificate {certificate.id} ({certificate.label}) was {word}."
            _log(connection, now, event_type, message, certificate, by=by)
        return certificate.id


def rename_certificate(
    database: Database, name: str, label: str, alias: str | None, by: Person | None = None
) -> int:
    """Give a certificate another label, which it may share, and an alias of its own, or none.

    Raises AdministrationError, and CertificateNameError for an alias that names something else.
    """
    require_label(label)
    if alias is not None:
        require_label(alias, "an alias")
    with _change(database, by) as (connection, now):
        certificate = find_named(connection, name)
        require_free(connection, label, alias, certificate.id)
        certificates.rename(connection, certificate.id, label, alias)
        message = f"Certificate {certificate.id} was renamed: label {label}, alias {alias or '-'}."
        renamed = replace(certificate, label=label, alias=alias)
        _log(connection, now, EventType.CERTIFICATE_RENAMED, message, renamed, by=by)
        return certificate.id


def remove_certificate(database: Database, name: str, by: Person | None = None) -> int:
    """Remove a certificate by id, alias or label and destroy its private key; return its id."""
    with _change(database, by) as (connection, now):
        certificate = find_named(connection, name)
        certificates.remove(connection, certificate.id, now)
        message = f"Certificate {certificate.id} ({certificate.label}) was removed."
        _log(connection, now, EventType.CERTIFICATE_REMOVED, message, certificate, by=by)
        return certificate.id


def grant_access(database: Database, name: str, user: str, by: Person | None = None) -> bool:
    """Let a user sign with a certificate; False when it may already."""
    with _change(database, by) as (connection, now):
        owner = require_user(connection, user)
        return _grant(connection, now, find_named(connection, name), owner, by)


def revoke_access(database: Database, name: str, user: str, by: Person | None = None) -> bool:
    """End a user's access to a certificate; False when it had none of its own."""
    with _change(database, by) as (connection, now):
        owner = require_user(connection, user)
        certificate = find_named(connection, name)
        if not certificates.revoke_access(connection, certificate.id, owner.id):
            return False
        message = f"{user} can no longer sign with certificate {certificate.id}."
        event_type = EventType.CERTIFICATE_ACCESS_REVOKED
        _log(connection, now, event_type, message, certificate, owner, by)
        return True


def export_certificate(database: Database, name: str, *, with_chain: bool) -> str:
    """Return the public certificate as PEM, and its chain behind it if asked."""
    with database.read() as connection:
        certificate = find_named(connection, name)
    exported = [load_der_x509_certificate(certificate.certificate_der)]
    if with_chain:
        exported += load_chain(certificate.chain_der)
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in exported)


def require_master_key(database: Database, sealer: Sealer) -> None:
    """Raise MasterKeyError when there are private keys and the master key does not open them."""
    with database.read() as connection:
        _prove(connection, sealer)


def _prove(connection: Connection, sealer: Sealer) -> None:
    sealed = certificates.any_sealed(connection)
    if sealed is not None and sealed.sealed_key is not None:
        sealer.unseal(sealed.sealed_key, sealed.thumbprint)


def _made(make: Callable[[datetime], Material], now: datetime) -> Material:
    try:
        return make(now)
    except MaterialError as error:
        raise AdministrationError(str(error)) from None


def _insert(
    connection: Connection, sealer: Sealer, label: str, material: Material, now: datetime
) -> Certificate:
    require_free(connection, label, None)
    new = certificates.NewCertificate(
        label=label,
        subject=material.certificate.subject.rfc4514_string(),
        common_name=material.common_name,
        thumbprint=material.thumbprint,
        certificate_der=material.certificate_der,
        chain_der=material.chain_der,
        sealed_key=sealer.seal(material.key_der, material.thumbprint),
        not_before_utc=material.certificate.not_valid_before_utc,
        not_after_utc=material.certificate.not_valid_after_utc,
        added_at_utc=now,
    )
    try:
        certificate_id = certificates.add(connection, new)
    except certificates.CertificateExistsError:
        raise AdministrationError("this certificate was already added") from None
    return Certificate(id=certificate_id, removed_at_utc=None, **vars(new))


@contextmanager
def _change(database: Database, by: Person | None) -> Iterator[tuple[Connection, datetime]]:
    """Begin a change, one at a time.

    Raises RefusedError when the rights of ``by`` ended since the request.
    """
    with database.write() as connection:
        if by is not None:
            require_administrator(connection, by)
        certificates.lock(connection)
        yield connection, database.clock.now(connection)


def _grant(
    connection: Connection,
    now: datetime,
    certificate: Certificate,
    owner: User,
    by: Person | None = None,
) -> bool:
    if not certificates.grant(connection, certificate.id, owner.id):
        return False
    message = f"{owner.name} can now sign with certificate {certificate.id}."
    granted = EventType.CERTIFICATE_ACCESS_GRANTED
    _log(connection, now, granted, message, certificate, owner, by)
    return True


def _log(
    connection: Connection,
    now: datetime,
    event_type: EventType,
    message: str,
    certificate: Certificate,
    user: User | None = None,
    by: Person | None = None,
) -> None:
    data: Json = {
        "certificateId": certificate.id,
        "label": certificate.label,
        "thumbprint": certificate.thumbprint,
    }
    if by is not None:
        data["byUserId"] = by.id
    user_id = None if user is None else user.id
    event = Event(Level.SECURITY, event_type, message, user_id, data=data)
    events.write(connection, now, event)
