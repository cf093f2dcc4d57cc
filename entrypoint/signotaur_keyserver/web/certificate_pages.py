"""Certificates: who may sign with which, and what administrators change about them."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.refusals import RefusedError, invalid_fields, not_found
from signotaur_keyserver.service import certificates
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.certificate_names import CertificateNameError
from signotaur_keyserver.web.certificate_views import CertificateView, certificate_view
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of

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


@routes.form("/certificates/{certificate_id:int}", Action.CHANGE_CERTIFICATES)
def rename_certificate(visit: Visit) -> Response:
    """Change label and alias."""
    body = visit.read(CertificateBody)
    try:
        _rename(visit, body)
    except RefusedError as refused:
        return _page(visit, faults_of(refused), body)
    return _done(visit, "Certificate saved.")


@routes.form("/certificates/{certificate_id:int}/state", Action.CHANGE_CERTIFICATES)
def change_certificate_state(visit: Visit) -> Response:
    """Enable or disable a certificate."""
    enabled = _set_enabled(visit)
    return _done(visit, "Certificate enabled." if enabled else "Certificate disabled.")


@routes.form("/certificates/{certificate_id:int}/users", Action.CHANGE_CERTIFICATES)
def grant_access(visit: Visit) -> Response:
    """Let a user sign with a certificate."""
    try:
        _grant(visit)
    except RefusedError as refused:
        return _page(visit, faults_of(refused))
    return _done(visit, "The user can sign with this certificate.")


@routes.form("/certificates/{certificate_id:int}/users/revocation", Action.CHANGE_CERTIFICATES)
def revoke_access(visit: Visit) -> Response:
    """End a user's access to a certificate."""
    try:
        _revoke(visit)
    except RefusedError as refused:
        return _page(visit, faults_of(refused))
    return _done(visit, "The user can no longer sign with this certificate.")


@routes.page("/certificates/{certificate_id:int}/remove", Action.CHANGE_CERTIFICATES)
def remove_page(visit: Visit) -> Response:
    """Ask before a certificate is removed."""
    return visit.render("certificates/remove.html", certificate=_view(visit))


@routes.form("/certificates/{certificate_id:int}/remove", Action.CHANGE_CERTIFICATES)
def remove_certificate(visit: Visit) -> Response:
    """Remove a certificate and destroy its private key."""
    _remove(visit)
    return visit.redirect("/certificates", "Certificate removed.")


@routes.call("GET", "/api/v1/certificates", Action.SEE_CERTIFICATES, answer=CertificatesAnswer)
def get_certificates(visit: Visit) -> Response:
    """List the certificates that the person may sign with; administrators and auditors see all."""
    return visit.answer(CertificatesAnswer(tuple(_views(visit))))


@routes.call(
    "PUT",
    "/api/v1/certificates/{certificate_id:int}",
    Action.CHANGE_CERTIFICATES,
    answer=CertificateView,
    body=CertificateBody,
)
def put_certificate(visit: Visit) -> Response:
    """Change label and alias. A label may be shared; an alias is of one certificate alone."""
    _view(visit)
    _rename(visit, visit.read(CertificateBody))
    return visit.answer(_view(visit))


@routes.call(
    "PUT",
    "/api/v1/certificates/{certificate_id:int}/state",
    Action.CHANGE_CERTIFICATES,
    answer=CertificateView,
    body=CertificateStateBody,
)
def put_certificate_state(visit: Visit) -> Response:
    """Enable or disable a certificate. A disabled one never signs."""
    _set_enabled(visit)
    return visit.answer(_view(visit))


@routes.call(
    "POST",
    "/api/v1/certificates/{certificate_id:int}/users",
    Action.CHANGE_CERTIFICATES,
    answer=CertificateView,
    body=CertificateUserBody,
)
def post_certificate_user(visit: Visit) -> Response:
    """Let a user sign with a certificate."""
    _grant(visit)
    return visit.answer(_view(visit))


@routes.call(
    "POST",
    "/api/v1/certificates/{certificate_id:int}/users/revocation",
    Action.CHANGE_CERTIFICATES,
    answer=CertificateView,
    body=CertificateUserBody,
)
def post_certificate_user_revocation(visit: Visit) -> Response:
    """End a user's access to a certificate; administrators keep theirs."""
    _revoke(visit)
    return visit.answer(_view(visit))


@routes.call(
    "DELETE",
    "/api/v1/certificates/{certificate_id:int}",
    Action.CHANGE_CERTIFICATES,
    answer=RemovedAnswer,
)
def delete_certificate(visit: Visit) -> Response:
    """Remove a certificate and destroy its private key. This cannot be undone."""
    return visit.answer(RemovedAnswer(_remove(visit)))


def _rename(visit: Visit, body: CertificateBody) -> None:
    name = _name(visit)
    try:
        certificates.rename_certificate(visit.database, name, body.label, body.alias, visit.person)
    except CertificateNameError as error:
        raise invalid_fields({error.field: f"{str(error).capitalize()}."}) from None


def _set_enabled(visit: Visit) -> bool:
    name = _name(visit)
    enabled = visit.read(CertificateStateBody).enabled
    certificates.set_certificate_enabled(visit.database, name, enabled=enabled, by=visit.person)
    return enabled


def _grant(visit: Visit) -> None:
    name, user = _name(visit), visit.read(CertificateUserBody).user
    try:
        certificates.grant_access(visit.database, name, user, visit.person)
    except AdministrationError:
        raise invalid_fields({"user": "There is no user with this name."}) from None


def _revoke(visit: Visit) -> None:
    name, user = _name(visit), visit.read(CertificateUserBody).user
    try:
        certificates.revoke_access(visit.database, name, user, visit.person)
    except AdministrationError:
        raise invalid_fields({"user": "There is no user with this name."}) from None


def _remove(visit: Visit) -> int:
    return certificates.remove_certificate(visit.database, _name(visit), visit.person)


def _name(visit: Visit) -> str:
    """Return the id of the path as a name. Raises RefusedError when there is none."""
    return str(_view(visit).id)


def _done(visit: Visit, message: str) -> Response:
    return visit.redirect(f"/certificates/{visit.id('certificate_id')}", message)


def _page(
    visit: Visit, faults: Mapping[str, str] = _NO_FAULTS, body: CertificateBody | None = None
) -> Response:
    shown = _view(visit)
    typed = body or CertificateBody(shown.label, shown.alias)
    status = 422 if faults else 200
    return visit.render(
        "certificates/one.html", status, certificate=shown, body=typed, faults=faults
    )


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
