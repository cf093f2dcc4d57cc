"""Statements on certificates and on who may use them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    RowMapping,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from signotaur_keyserver.domain.records import Certificate
from signotaur_keyserver.domain.schema import certificate_access, certificates, users
from signotaur_keyserver.pki.selection import Candidate

_SELECT = select(*certificates.c)
_ALL = _SELECT.order_by(certificates.c.id)
_LOCK = select(certificates.c.id).order_by(certificates.c.id).with_for_update()
_ONE_SEALED = _SELECT.where(certificates.c.sealed_key.is_not(None)).limit(1)
_granted = or_(
    select(users.c.admin).where(users.c.id == bindparam("user_id")).scalar_subquery(),
    exists().where(
        certificate_access.c.user_id == bindparam("user_id"),
        certificate_access.c.certificate_id == certificates.c.id,
    ),
)
_CANDIDATES = (
    select(*certificates.c, _granted.label("granted"))
    .where(certificates.c.removed_at_utc.is_(None))
    .order_by(certificates.c.id)
)
_CANDIDATES_BY_THUMBPRINT = _CANDIDATES.where(certificates.c.thumbprint == bindparam("thumbprint"))


class CertificateExistsError(Exception):
    """A certificate of this thumbprint is already stored."""


@dataclass(frozen=True)
class NewCertificate:
    """What is stored of a new certificate."""

    label: str
    subject: str
    common_name: str | None
    thumbprint: str
    certificate_der: bytes
    chain_der: bytes | None
    sealed_key: bytes
    not_before_utc: datetime
    not_after_utc: datetime
    added_at_utc: datetime


def candidates(
    connection: Connection, user_id: int, thumbprint: str | None = None
) -> list[Candidate]:
    """Return the certificates, or the one of a thumbprint, and whether a user may use each."""
    statement = _CANDIDATES if thumbprint is None else _CANDIDATES_BY_THUMBPRINT
    values = {"user_id": user_id} | ({} if thumbprint is None else {"thumbprint": thumbprint})
    return [_candidate(row) for row in connection.execute(statement, values).mappings()]


def lock(connection: Connection) -> None:
    """Let no other transaction change certificates, or who may use them, until this one ends.

    Signatures do not wait: they only read certificates.
    """
    connection.execute(_LOCK).all()


def every(connection: Connection) -> list[Certificate]:
    """Return all certificates, also removed ones, by id."""
    return [Certificate(**row) for row in connection.execute(_ALL).mappings()]


def any_sealed(connection: Connection) -> Certificate | None:
    """Return some certificate that has a private key; None when none has."""
    row = connection.execute(_ONE_SEALED).mappings().one_or_none()
    return None if row is None else Certificate(**row)


def add(connection: Connection, new: NewCertificate) -> int:
    """Insert a certificate, or bring a removed one back; return its id.

    Raises CertificateExistsError.
    """
    try:
        restored = connection.execute(
            update(certificates)
            .where(
                certificates.c.thumbprint == new.thumbprint,
                certificates.c.removed_at_utc.is_not(None),
            )
            .values(**vars(new), removed_at_utc=None, enabled=True)
            .returning(certificates.c.id)
        ).scalar_one_or_none()
        if restored is not None:
            return int(restored)
        statement = insert(certificates).values(**vars(new)).returning(certificates.c.id)
        return int(connection.execute(statement).scalar_one())
    except IntegrityError as error:
        raise CertificateExistsError from error


def present(connection: Connection) -> list[Certificate]:
    """Return the certificates that were not removed, by id."""
    statement = _ALL.where(certificates.c.removed_at_utc.is_(None))
    return [Certificate(**row) for row in connection.execute(statement).mappings()]


def rename(
    connection: Connection, certificate_id: int, label: str | None, alias: str | None
) -> None:
    """Give a certificate its label and its alias."""
    renamed = update(certificates).where(certificates.c.id == certificate_id)
    connection.execute(renamed.values(label=label, alias=alias))


def set_enabled(connection: Connection, certificate_id: int, *, enabled: bool) -> None:
    """Enable or disable a certificate."""
    changed = update(certificates).where(certificates.c.id == certificate_id)
    connection.execute(changed.values(enabled=enabled))


def remove(connection: Connection, certificate_id: int, now: datetime) -> None:
    """Mark a certificate as removed: its private key, its names and all access to it end."""
    connection.execute(
        delete(certificate_access).where(certificate_access.c.certificate_id == certificate_id)
    )
    connection.execute(
        update(certificates)
        .where(certificates.c.id == certificate_id)
        .values(removed_at_utc=now, label=None, alias=None, sealed_key=None)
    )


def grant(connection: Connection, certificate_id: int, user_id: int) -> bool:
    """Let a user use a certificate; False when it may already."""
    if user_id in _users_with_access(connection, certificate_id):
        return False
    connection.execute(
        insert(certificate_access).values(user_id=user_id, certificate_id=certificate_id)
    )
    return True


def revoke_access(connection: Connection, certificate_id: int, user_id: int) -> bool:
    """End a user's access; False when it had none of its own."""
    ended = connection.execute(
        delete(certificate_access)
        .where(
            certificate_access.c.certificate_id == certificate_id,
            certificate_access.c.user_id == user_id,
        )
        .returning(certificate_access.c.user_id)
    )
    return ended.one_or_none() is not None


def granted_ids(connection: Connection, user_id: int) -> set[int]:
    """Return the ids of the certificates that a user has access of its own to."""
    granted = select(certificate_access.c.certificate_id).where(
        certificate_access.c.user_id == user_id
    )
    return set(connection.execute(granted).scalars())


def user_names(connection: Connection) -> dict[int, list[str]]:
    """Return the names of the users with access of their own, by certificate id."""
    rows = connection.execute(
        select(certificate_access.c.certificate_id, users.c.name)
        .join(users, users.c.id == certificate_access.c.user_id)
        .order_by(users.c.name)
    )
    names: dict[int, list[str]] = {}
    for row in rows:
        names.setdefault(row.certificate_id, []).append(row.name)
    return names


def _users_with_access(connection: Connection, certificate_id: int) -> set[int]:
    return set(
        connection.execute(
            select(certificate_access.c.user_id).where(
                certificate_access.c.certificate_id == certificate_id
            )
        ).scalars()
    )


def _candidate(row: RowMapping) -> Candidate:
    values = dict(row)
    granted = bool(values.pop("granted"))
    return Candidate(Certificate(**values), granted)
