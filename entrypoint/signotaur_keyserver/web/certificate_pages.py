"""Certificates: who may sign with which, and what administrators change about them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from starlette.responses import Response

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.domain.refusals import invalid_fields, not_found
from signotaur_keyserver.service import certificates
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.certificate_names import CertificateNameError
from signotaur_keyserver.web.certificate_views import CertificateView, certificate_view
from signotaur_keyserver.web.routes import AfterChange, Routes
from signotaur_keyserver.web.visit import Visit

routes = Routes()

_NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class CertificatesAnswer:
    """The certificates that the visitor may sign with, or all."""

    certificates: tuple[CertificateView, ...]


@dataclass(frozen=True)
class CertificateBody:
    """The names of a certificate."""

    label: str
    alias: str | None = None


@dataclass(frozen=True)
class CertificateStateBody:
    """Whether a certificate may be used."""

    enabled: bool


@dataclass(frozen=True)
class CertificateUserBody:
    """A user, by name."""

    user: str


@dataclass(frozen=True)
class RemovedAnswer:
    """A certificate whose private key was destroyed."""

    removed_certificate_id: int


@routes.page("/certificates", Action.SEE_CERTIFICATES)
def certificates_page(visit: Visit) -> Response:
    """List certificates."""
    return visit.render(
        "certificates/list.html",
        certificates=_views(visit),
        sees_all=visit.owner_id is None,
        may_change=visit.may(Action.CHANGE_CERTIFICATES),
    )


@routes.page("/certificates/{certificate_id:int}", Action.CHANGE_CERTIFICATES)
def certificate_page(visit: Visit) -> Response:
    """Show the forms of a certificate."""
    return _page(visit)


@routes.page("/certificates/{certificate_id:int}/remove", Action.CHANGE_CERTIFICATES)
def remove_page(visit: Visit) -> Response:
    """Ask before a certificate is removed."""
    return visit.render("certificates/remove.html", certificate=_view(visit))


@routes.call("GET", "/api/v1/certificates", Action.SEE_CERTIFICATES, answer=CertificatesAnswer)
def get_certificates(visit: Visit) -> Response:
    """List the certificates that the person may sign with; administrators and auditors see all."""
    return visit.answer(CertificatesAnswer(tuple(_views(visit))))


def _page(
    visit: Visit, faults: Mapping[str, str] = _NO_FAULTS, body: CertificateBody | None = None
) -> Response:
    certificate = _view(visit)
    typed = body or CertificateBody(certificate.label, certificate.alias)
    status = 422 if faults else 200
    return visit.render(
        "certificates/one.html", status, certificate=certificate, body=typed, faults=faults
    )


def _back(visit: Visit, message: str) -> Response:
    return visit.redirect(f"/certificates/{visit.id('certificate_id')}", message)


def _name(visit: Visit) -> str:
    """Return the id of the path as a name. Raises RefusedError when there is none."""
    return str(_view(visit).id)


def _view(visit: Visit) -> CertificateView:
    certificate_id = visit.id("certificate_id")
    for view in _views(visit):
        if view.id == certificate_id:
            return view
    raise not_found()


def _views(visit: Visit) -> list[CertificateView]:
    overviews = certificates.certificates_of(visit.database, visit.owner_id)
    signing = certificates.signing_by_label(overviews)
    return [certificate_view(each, signing, visit.owner_id is None) for each in overviews]


_ONE = "/certificates/{certificate_id:int}"
_AFTER = AfterChange(_back, CertificateView, _view, _page)


@routes.change(
    "PUT",
    _ONE,
    Action.CHANGE_CERTIFICATES,
    replace(_AFTER, again=lambda visit, faults: _page(visit, faults, visit.read(CertificateBody))),
    body=CertificateBody,
)
def put_certificate(visit: Visit) -> str:
    """Change label and alias. A label may be shared; an alias is of one certificate alone."""
    name, body = _name(visit), visit.read(CertificateBody)
    try:
        certificates.rename_certificate(visit.database, name, body.label, body.alias, visit.person)
    except CertificateNameError as error:
        raise invalid_fields({error.field: f"{str(error).capitalize()}."}) from None
    return "Certificate saved."


@routes.change(
    "PUT", f"{_ONE}/state", Action.CHANGE_CERTIFICATES, _AFTER, body=CertificateStateBody
)
def put_certificate_state(visit: Visit) -> str:
    """Enable or disable a certificate. A disabled one never signs."""
    name = _name(visit)
    enabled = visit.read(CertificateStateBody).enabled
    certificates.set_certificate_enabled(visit.database, name, enabled=enabled, by=visit.person)
    return "Certificate enabled." if enabled else "Certificate disabled."


@routes.change(
    "POST", f"{_ONE}/users", Action.CHANGE_CERTIFICATES, _AFTER, body=CertificateUserBody
)
def post_certificate_user(visit: Visit) -> str:
    """Let a user sign with a certificate."""
    _change_access(visit, certificates.grant_access)
    return "The user can sign with this certificate."


@routes.change(
    "POST",
    f"{_ONE}/users/revocation",
    Action.CHANGE_CERTIFICATES,
    _AFTER,
    body=CertificateUserBody,
)
def post_certificate_user_revocation(visit: Visit) -> str:
    """End a user's access to a certificate; administrators keep theirs."""
    _change_access(visit, certificates.revoke_access)
    return "The user can no longer sign with this certificate."


@routes.change(
    "DELETE",
    _ONE,
    Action.CHANGE_CERTIFICATES,
    AfterChange(
        lambda visit, message: visit.redirect("/certificates", message),
        RemovedAnswer,
        lambda visit: RemovedAnswer(visit.id("certificate_id")),
    ),
    form=f"{_ONE}/remove",
)
def delete_certificate(visit: Visit) -> str:
    """Remove a certificate and destroy its private key. This cannot be undone."""
    certificates.remove_certificate(visit.database, _name(visit), visit.person)
    return "Certificate removed."


def _change_access(visit: Visit, change: Callable[[Database, str, str, Person], object]) -> None:
    name, user = _name(visit), visit.read(CertificateUserBody).user
    try:
        change(visit.database, name, user, visit.person)
    except AdministrationError:
        raise invalid_fields({"user": "There is no user with this name."}) from None
