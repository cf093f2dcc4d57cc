"""What certificates are called: ids, labels that several share, and aliases of one alone."""

from sqlalchemy import Connection

from signotaur_keyserver.domain.records import Certificate
from signotaur_keyserver.pki.selection import same_text
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.names import NAME_MAX_LENGTH
from signotaur_keyserver.store import certificates


class CertificateNameError(AdministrationError):
    """A label or an alias cannot be given to a certificate; ``field`` says which of the two."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def find_named(connection: Connection, name: str) -> Certificate:
    """Return the one certificate that an id, an alias or a label names."""
    named = [
        each
        for each in certificates.present(connection)
        if name == str(each.id) or same_text(each.alias, name) or same_text(each.label, name)
    ]
    if not named:
        raise AdministrationError("there is no certificate with this id, alias or label")
    if len(named) > 1:
        ids = ", ".join(str(each.id) for each in named)
        raise AdministrationError(f"several certificates have this label; name one by id: {ids}")
    return named[0]


def require_free(
    connection: Connection, label: str, alias: str | None, certificate_id: int | None = None
) -> None:
    """Raise CertificateNameError when a name would mean two things: only labels are shared."""
    for other in certificates.present(connection):
        if other.id == certificate_id:
            continue
        if same_text(other.alias, label):
            raise CertificateNameError("label", "this label is the alias of another certificate")
        if alias is not None and (same_text(other.alias, alias) or same_text(other.label, alias)):
            raise CertificateNameError("alias", "another certificate has this alias or label")


def require_label(label: str, what: str = "a label") -> None:
    """Raise CertificateNameError for what can be no name of a certificate."""
    field = what.rsplit(maxsplit=1)[-1]
    if not (0 < len(label) <= NAME_MAX_LENGTH and label.isprintable() and label == label.strip()):
        raise CertificateNameError(
            field,
            f"{what} is 1 to {NAME_MAX_LENGTH} printable characters, with no space at the start "
            "or end",
        )
    if label.isdecimal():
        raise CertificateNameError(field, f"{what} must not be a number: it would be read as an id")
