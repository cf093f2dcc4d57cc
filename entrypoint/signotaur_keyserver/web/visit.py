"""One request of a visitor, as the handlers of pages and calls get it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from signotaur_keyserver.api.context import Context, context_of, source_of
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.authorization import Action, Scope, VisitorKind, kind_of, scope_of
from signotaur_keyserver.domain.records import Person, Session
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service.sign_in import Origin
from signotaur_keyserver.web import messages, protection
from signotaur_keyserver.web.navigation import NAVIGATION, Item
from signotaur_keyserver.web.site import Site, site_of

T = TypeVar("T")

_SEE_OTHER = 303
_INVALID = 422
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class Visit:
    """A request that the table of rights lets through."""

    request: Request
    session: Session | None
    scope: Scope
    """How far the action of this route may go: ``OWN`` or ``ANY``."""
    secret: str | None
    """What CSRF token and flash message are derived from: never shown."""
    body: object = None
    """The form as pairs, or parsed JSON."""

    @property
    def context(self) -> Context:
        """The parts of the server."""
        return context_of(self.request)

    @property
    def site(self) -> Site:
        """The parts of the pages."""
        return site_of(self.request)

    @property
    def database(self) -> Database:
        """The database."""
        return self.context.database

    @property
    def signed_in(self) -> Session:
        """The session. Raises RefusedError where nobody signed in and the table allows that."""
        if self.session is None:
            raise refusals.sign_in_required()
        return self.session

    @property
    def person(self) -> Person:
        """Who signed in."""
        return self.signed_in.person

    @property
    def kind(self) -> VisitorKind:
        """Which kind of visitor this is."""
        return kind_of(None if self.session is None else self.session.person)

    @property
    def owner_id(self) -> int | None:
        """The only owner whose things may be shown or changed; None: everybody's."""
        return None if self.scope is Scope.ANY else self.person.id

    @property
    def origin(self) -> Origin:
        """Where the request came from."""
        return Origin(source_of(self.request), self.request.headers.get("user-agent"))

    @property
    def csrf(self) -> str:
        """The token that each form of this visitor carries."""
        return "" if self.secret is None else protection.csrf_token(self.secret)

    @property
    def navigation(self) -> list[Item]:
        """The pages that this visitor may open."""
        return [item for item in NAVIGATION if self.may(item.action)]

    def may(self, action: Action) -> bool:
        """Return whether the visitor may do something, be it with its own things alone."""
        return scope_of(self.kind, action) is not Scope.NONE

    def may_change(self, action: Action, owner_id: int) -> bool:
        """Return whether the visitor may do something with a thing of an owner."""
        granted = scope_of(self.kind, action)
        own = self.session is not None and self.session.person.id == owner_id
        return granted is Scope.ANY or (granted is Scope.OWN and own)

    def id(self, name: str) -> int:
        """Return an id of the path. Raises RefusedError when no row can have it."""
        value: int = self.request.path_params[name]
        if value > _LARGEST_ID:
            raise refusals.not_found()
        return value

    def read(self, message: type[T]) -> T:
        """Read the form or the JSON body. Raises RefusedError that names the fields at fault."""
        if self.is_call:
            return messages.from_json(message, self.body)
        pairs: Any = self.body
        return messages.from_form(message, pairs)

    def typed(self, message: object) -> Mapping[str, object]:
        """Return what the fields of a form show: what was typed, or else what a message says."""
        fields = messages.to_form(message)
        pairs: Any = self.body
        return fields if pairs is None else {**dict.fromkeys(fields, ""), **dict(pairs)}

    def query(self, message: type[T]) -> T:
        """Read the query. Raises RefusedError that names the parameters at fault."""
        return messages.from_form(message, self.request.query_params.multi_items())

    @property
    def is_call(self) -> bool:
        """Whether a script asks, not a page."""
        return self.request.url.path.startswith("/api/")

    def render(self, template: str, status: int = 200, **values: object) -> Response:
        """Return a page. A flash message is shown once."""
        flash = self._flash()
        text = self.site.templates.get_template(template).render(
            visit=self, flash=flash, **{"faults": {}, **values}
        )
        answer = HTMLResponse(text, status)
        if flash is not None:
            protection.delete_cookie(self.request, answer, protection.FLASH)
        return answer

    def redirect(
        self, path: str, flash: str | None = None, new_token: str | None = None
    ) -> Response:
        """Send the browser to a page, which shows a message, be it in a session that begins."""
        answer = RedirectResponse(path, _SEE_OTHER)
        secret = new_token or self.secret
        if flash is not None and secret is not None:
            sealed = protection.seal_flash(secret, flash)
            protection.set_cookie(self.request, answer, protection.FLASH, sealed)
        return answer

    def answer(self, message: object) -> Response:
        """Return a dataclass as JSON."""
        return JSONResponse(messages.to_json(message))

    def _flash(self) -> str | None:
        sealed = protection.cookie(self.request, protection.FLASH)
        if sealed is None or self.secret is None:
            return None
        return protection.open_flash(self.secret, sealed)


def faults_of(refused: RefusedError) -> Mapping[str, str]:
    """Return what is wrong with each field of a form. Raises any other refusal again."""
    faults = refused.members.get("faults")
    if refused.status != _INVALID or not isinstance(faults, dict):
        raise refused
    return faults
