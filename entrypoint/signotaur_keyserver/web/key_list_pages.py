"""The list of keys: decisions, search, order, pages; and what creates and cleans up keys."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.key_status import Concern, KeyStatus
from signotaur_keyserver.domain.refusals import RefusedError, invalid_fields
from signotaur_keyserver.service import key_changes, key_overview
from signotaur_keyserver.service.key_changes import LIFETIMES, CreatedKey
from signotaur_keyserver.service.person_transaction import Actor
from signotaur_keyserver.store.key_list import KeyFilter, Sort
from signotaur_keyserver.web.key_views import DecisionView, DeletableView, KeyView, listed_view
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of
from signotaur_wire import keyformat

routes = Routes()
Member = TypeVar("Member", bound=StrEnum)

PER_PAGE = 50
_MAX_PAGE = 1_000_000
_NEWEST = "-created"
_NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class KeyQuery:
    """Which keys are listed, and how."""

    search: str = ""
    """Part of a name, of the owner's name, or of the public id."""
    state: str = ""
    concern: str = ""
    """What should be decided about the key."""
    whose: str = ""
    """``mine``: only the visitor's own, where others' are visible."""
    sort: str = _NEWEST
    """name, created, expires, used or state; with a minus: descending."""
    page: int = 1


@dataclass(frozen=True)
class NewKeyBody:
    """A key to create."""

    name: str
    lifetime_days: int | None = None
    """30, 60, 90, 180 or 365; null: it never expires."""
    owner: str | None = None
    """Name of the owner; only administrators may name somebody else."""


@dataclass(frozen=True)
class FormNumber:
    """What the form of a new key was numbered with: a form that is sent again makes no key."""

    number: str


@dataclass(frozen=True)
class CleanUpBody:
    """The categories of keys to delete: expired, revoked, disabled."""

    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeysAnswer:
    """One page of keys."""

    keys: tuple[KeyView, ...]
    total: int
    """Of all pages."""
    decisions: tuple[DecisionView, ...]
    """Of all keys that the visitor may see, or of the visitor's own."""
    deletable: tuple[DeletableView, ...]


@dataclass(frozen=True)
class NewKeyAnswer:
    """A key that was made."""

    id: int
    key: str
    """The only time that it is shown."""


@dataclass(frozen=True)
class CleanedAnswer:
    """How many keys were deleted."""

    deleted: int


@routes.page("/keys", Action.SEE_KEYS)
def keys_page(visit: Visit) -> Response:
    """List keys."""
    query = visit.query(KeyQuery)
    answer = _answer(visit, query)
    pages = max(1, -(-answer.total // PER_PAGE))
    return visit.render(
        "keys/list.html",
        answer=answer,
        query=query,
        pages=pages,
        states=[("", "Any state"), *((each.value, each.value) for each in KeyStatus)],
        link=lambda **changes: _link(query, changes),
        sees_all=visit.owner_id is None,
        may_change=visit.may(Action.CHANGE_KEYS),
        can_clean_up=any(each.keys for each in answer.deletable),
    )


@routes.page("/keys/new", Action.CHANGE_KEYS)
def new_key_page(visit: Visit) -> Response:
    """Show the form for a key."""
    return _new_page(visit, NewKeyBody("", 90))


@routes.form("/keys", Action.CHANGE_KEYS)
def create_key(visit: Visit) -> Response:
    """Create a key. The page that answers is the only one that shows it."""
    body = visit.read(NewKeyBody)
    try:
        made = _create(visit, body, visit.read(FormNumber).number)
    except RefusedError as refused:
        return _new_page(visit, body, faults_of(refused))
    return visit.render("keys/created.html", key_id=made.key_id, name=body.name, text=made.text)


@routes.page("/keys/clean-up", Action.CHANGE_KEYS)
def clean_up_page(visit: Visit) -> Response:
    """Ask which categories of keys to delete."""
    return _clean_up_page(visit)


@routes.form("/keys/clean-up", Action.CHANGE_KEYS)
def clean_up(visit: Visit) -> Response:
    """Delete keys by category."""
    try:
        deleted = _clean_up(visit)
    except RefusedError as refused:
        return _clean_up_page(visit, faults_of(refused))
    return visit.redirect("/keys", f"Keys deleted: {deleted}.")


@routes.call("GET", "/api/v1/keys", Action.SEE_KEYS, answer=KeysAnswer, query=KeyQuery)
def get_keys(visit: Visit) -> Response:
    """List keys, 50 a page; others' only to administrators and auditors."""
    return visit.answer(_answer(visit, visit.query(KeyQuery)))


@routes.call("POST", "/api/v1/keys", Action.CHANGE_KEYS, answer=NewKeyAnswer, body=NewKeyBody)
def post_key(visit: Visit) -> Response:
    """Create a key. The answer is the only one that has its text."""
    made = _create(visit, visit.read(NewKeyBody), None)
    return visit.answer(NewKeyAnswer(made.key_id, made.text))


@routes.call(
    "POST",
    "/api/v1/keys/clean-up",
    Action.CHANGE_KEYS,
    answer=CleanedAnswer,
    body=CleanUpBody,
)
def post_clean_up(visit: Visit) -> Response:
    """Delete expired, revoked or disabled keys, at most 500 at once. Disabled ones are revoked."""
    return visit.answer(CleanedAnswer(_clean_up(visit)))


def actor_of(visit: Visit) -> Actor:
    """Return who changes something, and whose keys that may be."""
    return Actor(visit.person, visit.owner_id, visit.origin.address)


def _create(visit: Visit, body: NewKeyBody, number: str | None) -> CreatedKey:
    return key_changes.create_key(
        visit.database, actor_of(visit), body.name, body.lifetime_days, body.owner, number
    )


def _clean_up(visit: Visit) -> int:
    chosen = visit.read(CleanUpBody).categories
    categories = [_member(KeyStatus, each, "categories") for each in chosen]
    return key_changes.clean_up(visit.database, actor_of(visit), categories)


def _new_page(visit: Visit, body: NewKeyBody, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    return visit.render(
        "keys/new.html",
        422 if faults else 200,
        body=body,
        faults=faults,
        lifetimes=lifetime_options(),
        number=keyformat.new_public_id(),
        names_owner=visit.owner_id is None,
    )


def lifetime_options() -> list[tuple[str, str]]:
    """Return the choices of a form: values and labels."""
    return [*((str(days), f"{days} days") for days in LIFETIMES), ("", "never")]


def _clean_up_page(visit: Visit, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    counts = key_changes.count_deletable(visit.database, visit.owner_id)
    return visit.render("keys/clean_up.html", 422 if faults else 200, counts=counts, faults=faults)


def _answer(visit: Visit, query: KeyQuery) -> KeysAnswer:
    page = key_overview.list_keys(visit.database, _key_filter(visit, query))
    return KeysAnswer(
        tuple(listed_view(each, page.now) for each in page.keys),
        page.total,
        tuple(DecisionView(concern, amount) for concern, amount in page.concerns.items()),
        tuple(DeletableView(category, amount) for category, amount in page.deletable.items()),
    )


def _key_filter(visit: Visit, query: KeyQuery) -> KeyFilter:
    if not 1 <= query.page <= _MAX_PAGE:
        raise invalid_fields({"page": "There is no such page."})
    if query.whose not in ("", "mine"):
        raise invalid_fields({"whose": "There is no such choice."})
    return KeyFilter(
        owner_id=visit.person.id if query.whose else visit.owner_id,
        search=query.search,
        status=_member(KeyStatus, query.state, "state") if query.state else None,
        concern=_member(Concern, query.concern, "concern") if query.concern else None,
        sort=_member(Sort, query.sort.removeprefix("-"), "sort"),
        descending=query.sort.startswith("-"),
        offset=(query.page - 1) * PER_PAGE,
        limit=PER_PAGE,
    )


def _member(choices: type[Member], text: str, field: str) -> Member:
    try:
        return choices(text)
    except ValueError:
        raise invalid_fields({field: "There is no such choice."}) from None


def _link(query: KeyQuery, changes: Mapping[str, object]) -> str:
    """Return the address of the list with some parameters changed; another page is page 1."""
    values = {**asdict(query), "page": 1, **changes}
    kept = {name: value for name, value in values.items() if value != getattr(KeyQuery(), name)}
    return f"/keys?{urlencode(kept)}"
