"""Sinks that write neither a file of their own nor stdout: a store behind HTTP, a program."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

from contract.harness import Fault, SinkCase, SinkHarness
from contract.program import Program
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from support.providers.amazon_place import AwsParameterHarness, AwsSecretHarness
from support.providers.azure_devops import AzureDevopsHarness
from support.providers.azure_place import AzureKeyVaultHarness
from support.providers.bitbucket import BitbucketHarness
from support.providers.circleci import CircleciHarness
from support.providers.exchange import Fault as ServerFault
from support.providers.exchange import drop, fail
from support.providers.gitea import GiteaHarness
from support.providers.github_place import GithubHarness
from support.providers.google_place import GcpSecretHarness
from support.providers.jenkins import JenkinsHarness
from support.providers.kubernetes_place import KubernetesHarness
from support.providers.stores import (
    BuildkiteHarness,
    GitlabHarness,
    OpenBaoOverTls,
    StoreHarness,
    VaultHarness,
)
from support.providers.teamcity import TeamcityHarness

Kind = TypeVar("Kind")
_REPOSITORY = "repos/acme/product"
_ALWAYS = 1_000
UNREADABLE = (
    "github-secret",
    "buildkite-secret",
    "gitea-secret",
    "azure-devops-var",
    "jenkins-credential",
    "teamcity-param",
    "circleci-env",
    "bitbucket-var",
)
"""The kinds whose store never shows the key."""


def _behind(place: SinkHarness, kind: type[Kind]) -> Kind:
    assert isinstance(place.store, kind)
    return place.store


def _store(place: SinkHarness) -> StoreHarness[Any]:
    assert isinstance(place.store, StoreHarness)
    return place.store


def _served(name: str, kind: str, make: Callable[..., StoreHarness[Any]]) -> SinkCase:
    return SinkCase(
        name,
        lambda place: emitter(_store(place).text, place.context()),
        lambda place: _store(place).read(),
        durable=True,
        writes_file=False,
        readable=kind not in UNREADABLE,
        kinds=(kind,),
        store=make,
    )


def _github(name: str, settings: str, store: str, scope: str) -> SinkCase:
    make = partial(GithubHarness, settings=settings, store=store, scope=scope)
    return _served(f"github secret of {name}", "github-secret", make)


def _command(place: SinkHarness) -> Sink:
    return emitter(f"command:'{_behind(place, Program).path}' '{place.file}'", place.context())


STORE_CASES = (
    _github("this job's repository", "", "actions", _REPOSITORY),
    _github(
        "an environment", ",repo=acme/product,env=production/eu",
        "actions", f"{_REPOSITORY}/environments/production/eu",
    ),
    _github("an organization", ",org=acme", "actions", "orgs/acme"),
    _github("dependabot", ",app=dependabot", "dependabot", _REPOSITORY),
    _github("codespaces", ",repo=acme/product,app=codespaces", "codespaces", _REPOSITORY),
    _served("gitlab variable", "gitlab-var", partial(GitlabHarness, raw=True)),
    _served("vault field", "vault", VaultHarness),
    _served("vault field over TLS", "vault", OpenBaoOverTls),
    _served("buildkite secret", "buildkite-secret", BuildkiteHarness),
    _served("amazon secret", "aws-secret", AwsSecretHarness),
    _served("field of an amazon secret", "aws-secret", partial(AwsSecretHarness, field="KEY")),
    _served("amazon parameter", "aws-parameter", AwsParameterHarness),
    _served("azure key vault", "azure-key-vault", AzureKeyVaultHarness),
    _served("google cloud secret", "gcp-secret", GcpSecretHarness),
    _served("entry of a kubernetes secret", "kubernetes", KubernetesHarness),
    _served("gitea secret", "gitea-secret", GiteaHarness),
    _served("gitea secret of an organization", "gitea-secret", partial(GiteaHarness, owner="acme")),
    _served("variable of an azure devops group", "azure-devops-var", AzureDevopsHarness),
    _served("jenkins credential", "jenkins-credential", JenkinsHarness),
    _served(
        "jenkins credential of a folder", "jenkins-credential",
        partial(JenkinsHarness, folder="team/my product", domain="signing"),
    ),
    _served("teamcity parameter", "teamcity-param", TeamcityHarness),
    _served("circleci context", "circleci-env", CircleciHarness),
    _served("circleci project", "circleci-env", partial(CircleciHarness, project=True)),
    _served("bitbucket variable", "bitbucket-var", BitbucketHarness),
    _served(
        "bitbucket variable of a deployment", "bitbucket-var",
        partial(BitbucketHarness, owner="acme/app:Production EU"),
    ),
    _served(
        "bitbucket variable of a workspace", "bitbucket-var",
        partial(BitbucketHarness, owner="acme"),
    ),
    SinkCase(
        "command", _command, lambda place: place.file.read_text(),
        durable=True, writes_file=False, readable=False, kinds=("command",), store=Program,
    ),
)  # fmt: skip


# Faults


def _answers(*faults: ServerFault) -> Callable[[SinkHarness], AbstractContextManager[None]]:
    """Let a store's server commit these faults, and let nobody wait for a better answer."""

    @contextmanager
    def commit(place: SinkHarness) -> Iterator[None]:
        server = _store(place).server
        server.faults += faults
        place.patience.seconds = 0.3
        yield
        place.patience.renew()
        server.faults.clear()

    return commit


@contextmanager
def _token_revoked(place: SinkHarness) -> Iterator[None]:
    store = _store(place)
    store.revoke()
    yield
    store.grant()


@contextmanager
def _sealed(place: SinkHarness) -> Iterator[None]:
    store = _behind(place, OpenBaoOverTls)
    store.server.seal()
    place.patience.seconds = 0.3
    yield
    place.patience.renew()
    store.bao.unseal()


@contextmanager
def _program_fails(place: SinkHarness) -> Iterator[None]:
    switch = _behind(place, Program).switch
    switch.touch()
    yield
    switch.unlink()


@contextmanager
def _program_gone(place: SinkHarness) -> Iterator[None]:
    path = _behind(place, Program).path
    aside = path.rename(f"{path}.aside")
    yield
    aside.rename(path)


def _is_program(case: SinkCase) -> bool:
    return case.store is Program


def _is_served(case: SinkCase) -> bool:
    return case.store is not None and not _is_program(case)


def has_front(case: SinkCase) -> bool:
    """Return whether a stand-in or a front, which commits faults, answers the sink."""
    return _is_served(case) and case.store is not OpenBaoOverTls


STORE_FAULTS = (
    Fault("a server that hangs up", has_front, _answers(drop("", "", times=_ALWAYS))),
    Fault(
        "a server that answers 500 to a write",
        has_front,
        _answers(*(fail(method, "", 500, times=_ALWAYS) for method in ("PUT", "POST", "PATCH"))),
    ),
    Fault("a token that was revoked", _is_served, _token_revoked),
    Fault("a server that is sealed", lambda case: case.store is OpenBaoOverTls, _sealed),
    Fault("a program that fails", _is_program, _program_fails),
    Fault("a program that is gone", _is_program, _program_gone),
)
