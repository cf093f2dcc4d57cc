"""Settings of the server, in sections: each has a template, and what is shown in it."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.web import policy_pages, trust_pages, webhook_pages
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit

routes = Routes()


@dataclass(frozen=True)
class Section:
    """A part of the settings page, shown to those who may do its action."""

    name: str
    template: str
    action: Action
    load: Callable[[Visit], object]


@dataclass(frozen=True)
class SettingsAnswer:
    """What clients must know of this server."""

    authority: str | None
    """The certificate authority to trust, as PEM; null: a public one."""


def _authority(visit: Visit) -> str | None:
    path = visit.site.authority
    return None if path is None else path.read_text("ascii")


SECTIONS: tuple[Section, ...] = (
    Section("policy", "settings/policy.html", Action.SEE_SETTINGS, policy_pages.section),
    Section("webhooks", "settings/webhooks.html", Action.SEE_WEBHOOKS, webhook_pages.section),
    Section("trusts", "settings/trusts.html", Action.SEE_TRUSTS, trust_pages.section),
    Section("authority", "settings/authority.html", Action.SEE_SETTINGS, _authority),
)
"""Further sections are added here, in the order in which the page shows them."""


@routes.page("/settings", Action.SEE_SETTINGS)
def settings_page(visit: Visit) -> Response:
    """Show the sections that the visitor may see."""
    sections = [section for section in SECTIONS if visit.may(section.action)]
    loaded = {section.name: section.load(visit) for section in sections}
    host = visit.request.url.hostname or ""
    return visit.render("settings.html", sections=sections, loaded=loaded, host=host)


@routes.page("/settings/ca.pem", Action.SEE_SETTINGS)
def authority_file(visit: Visit) -> Response:
    """Return the certificate authority as a file."""
    authority = _authority(visit)
    if authority is None:
        raise refusals.not_found()
    return Response(
        authority,
        media_type="application/x-pem-file",
        headers={"Content-Disposition": 'attachment; filename="signotaur-ca.crt"'},
    )


@routes.call("GET", "/api/v1/settings", Action.SEE_SETTINGS, answer=SettingsAnswer)
def get_settings(visit: Visit) -> Response:
    """Return what clients must know of this server."""
    return visit.answer(SettingsAnswer(_authority(visit)))
