"""Sinks that write neither a file of their own nor stdout: a store behind HTTP, a program."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TypeVar

from contract.place import Fault, Place, SinkCase
from contract.stores import (
    SECRET,
    BuildkiteStore,
    GithubStore,
    GitlabStore,
    Program,
    Served,
    VaultStore,
)
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from support.providers.exchange import Fault as ServerFault
from support.providers.exchange import drop, fail

Kind = TypeVar("Kind")
_REPOSITORY = "repos/acme/product"
_ALWAYS = 1_000


def _store(place: Place, kind: type[Kind]) -> Kind:
    assert isinstance(place.store, kind)
    return place.store


def _served(place: Place) -> str:
    return _store(place, Served).key()


def _emitter(text: str) -> Callable[[Place], Sink]:
    return lambda place: emitter(text, place.context())


def _github(name: str, settings: str, store: str, scope: str) -> SinkCase:
    return SinkCase(
        f"github secret of {name}",
        lambda place: emitter(f"github-secret:{SECRET}{settings}", place.context()),
        _served,
        durable=True,
        writes_file=False,
        readable=False,
        kinds=("github-secret",),
        store=partial(GithubStore, store=store, scope=scope),
    )


def _command(place: Place) -> Sink:
    program = _store(place, Program)
    return emitter(f"command:'{program.path}' '{place.file}'", place.context())


STORE_CASES = (
    _github("this job's repository", "", "actions", _REPOSITORY),
    _github(
        "an environment", ",repo=acme/product,env=production/eu",
        "actions", f"{_REPOSITORY}/environments/production/eu",
    ),
    _github("an organisation", ",org=acme", "actions", "orgs/acme"),
    _github("dependabot", ",app=dependabot", "dependabot", _REPOSITORY),
    _github("codespaces", ",repo=acme/product,app=codespaces", "codespaces", _REPOSITORY),
    SinkCase(
        "gitlab variable", _emitter(f"gitlab-var:{SECRET}"), _served,
        durable=True, writes_file=False, readable=True, kinds=("gitlab-var",), store=GitlabStore,
    ),
    SinkCase(
        "vault field", _emitter("vault:secret/ci/signing#key"), _served,
        durable=True, writes_file=False, readable=True, kinds=("vault",), store=VaultStore,
    ),
    SinkCase(
        "buildkite secret", _emitter(f"buildkite-secret:{SECRET}"), _served,
        durable=True, writes_file=False, readable=False, kinds=("buildkite-secret",),
        store=BuildkiteStore,
    ),
    SinkCase(
        "command", _command, lambda place: place.file.read_text(),
        durable=True, writes_file=False, readable=False, kinds=("command",), store=Program,
    ),
)  # fmt: skip


# Faults


def _answers(*faults: ServerFault) -> Callable[[Place], AbstractContextManager[None]]:
    """Let a store's server commit these faults, and let nobody wait for a better answer."""

    @contextmanager
    def commit(place: Place) -> Iterator[None]:
        server = _store(place, Served).server
        server.faults += faults
        place.patience.seconds = 0.3
        yield
        place.patience.renew()
        server.faults.clear()

    return commit


@contextmanager
def _token_revoked(place: Place) -> Iterator[None]:
    store = _store(place, Served)
    store.revoke()
    yield
    store.grant()


@contextmanager
def _program_fails(place: Place) -> Iterator[None]:
    switch = _store(place, Program).switch
    switch.touch()
    yield
    switch.unlink()


@contextmanager
def _program_gone(place: Place) -> Iterator[None]:
    path = _store(place, Program).path
    aside = path.rename(f"{path}.aside")
    yield
    aside.rename(path)


def _of(kind: type[Served | Program]) -> Callable[[SinkCase], bool]:
    """Return which cases have this kind of store."""

    def hits(case: SinkCase) -> bool:
        made = case.store.func if isinstance(case.store, partial) else case.store
        return isinstance(made, type) and issubclass(made, kind)

    return hits


STORE_FAULTS = (
    Fault("a server that hangs up", _of(Served), _answers(drop("", "", times=_ALWAYS))),
    Fault(
        "a server that answers 500 to a write",
        _of(Served),
        _answers(*(fail(method, "", 500, times=_ALWAYS) for method in ("PUT", "POST"))),
    ),
    Fault("a token that was revoked", _of(Served), _token_revoked),
    Fault("a program that fails", _of(Program), _program_fails),
    Fault("a program that is gone", _of(Program), _program_gone),
)
