"""Whole runs of the client that deliver to stores, each alone and some together."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from e2e.client_harness import ClientHarness, assert_explained
from support.client import Finished
from support.providers.amazon import REGION, ROLE
from support.providers.amazon_place import AwsParameterHarness, AwsSecretHarness
from support.providers.azure_devops import AzureDevopsHarness
from support.providers.azure_place import AzureKeyVaultHarness
from support.providers.bitbucket import BitbucketHarness
from support.providers.circleci import CircleciHarness
from support.providers.exchange import Call, fail
from support.providers.gitea import GiteaHarness
from support.providers.google_place import GcpSecretHarness
from support.providers.id_tokens import JOB, IdTokens
from support.providers.jenkins import JenkinsHarness
from support.providers.kubernetes_place import KubernetesHarness
from support.providers.openbao import OpenBao
from support.providers.stores import (
    OLDER,
    BuildkiteHarness,
    GitlabHarness,
    OpenBaoOverTls,
    StoreHarness,
    VaultHarness,
)
from support.providers.teamcity import TeamcityHarness
from support.tls import Authority

Make = Callable[..., StoreHarness[Any]]
MAKES: dict[str, Make] = {
    "gitlab": GitlabHarness,
    "gitlab hidden": partial(GitlabHarness, hidden=True),
    "vault": VaultHarness,
    "buildkite": BuildkiteHarness,
    "aws": AwsSecretHarness,
    "aws field": partial(AwsSecretHarness, field="KEY"),
    "aws parameter": AwsParameterHarness,
    "azure": AzureKeyVaultHarness,
    "google": GcpSecretHarness,
    "kubernetes": KubernetesHarness,
    "gitea": GiteaHarness,
    "azure devops": AzureDevopsHarness,
    "jenkins": JenkinsHarness,
    "teamcity": TeamcityHarness,
    "circleci": CircleciHarness,
    "bitbucket": BitbucketHarness,
}


@pytest.fixture(params=MAKES.values(), ids=list(MAKES))
def place(request: pytest.FixtureRequest) -> Iterator[StoreHarness[Any]]:
    with request.param() as opened:
        yield opened


def rotate(
    client: ClientHarness, key: str, *arguments: str | Path, env: dict[str, str]
) -> Finished:
    """Rotate a key that a variable holds; no part of any key is ever said."""
    state = client.folder / "state"
    done = client.rotate("--state-dir", state, *arguments, env={"SIGNOTAUR_API_KEY": key, **env})
    assert key[20:] not in done.said
    return done


def test_a_key_is_delivered_and_armed(
    client: ClientHarness, key: str, place: StoreHarness[Any]
) -> None:
    done = rotate(client, key, "--emit-secret", place.text, "--json", env=place.environ)
    assert done.code == 0, done.said
    delivered = place.read()
    assert client.server.accepts(delivered)
    [successor] = client.ledger.successors(key)
    assert done.json["keyId"] == successor["id"] == client.ledger.id_of(delivered)
    assert delivered[20:] not in done.err


def test_a_store_that_fails_is_finished_by_the_same_command(
    client: ClientHarness, key: str, place: StoreHarness[Any]
) -> None:
    place.server.faults.append(place.refuse_writes(422))
    done = rotate(client, key, "--emit-secret", place.text, env=place.environ)
    assert done.code == 12, done.said
    assert "could not be written" in done.err
    assert "not now" in done.err or "Jenkins answered 422: it gave no reason" in done.err
    assert "Next: Run the same command again" in done.err
    assert place.read() == OLDER
    assert client.server.accepts(key)
    place.server.faults.clear()
    again = rotate(client, key, "--emit-secret", place.text, env=place.environ)
    assert again.code == 0, again.said
    assert client.server.accepts(place.read())
    assert [client.ledger.id_of(place.read())] == [
        each["id"] for each in client.ledger.successors(key)
    ], "the same new key"


def test_what_is_wrong_is_found_before_the_server_is_asked(
    client: ClientHarness, key: str, place: StoreHarness[Any]
) -> None:
    place.revoke()
    before = client.ledger.state()
    done = rotate(client, key, "--emit-secret", place.text, env=place.environ)
    assert_explained(done, 11, "refuses the token", place.token_variable)
    assert client.ledger.state() == before
    assert place.read() == OLDER


def test_faults_of_three_destinations_are_reported_at_once(client: ClientHarness, key: str) -> None:
    texts = ["gitlab-var:!", "vault:secret/app", "buildkite-secret:bk"]
    options = [option for text in texts for option in ("--emit-secret", text)]
    done = rotate(client, key, *options, env={})
    variables = ("GITLAB_TOKEN", "VAULT_ADDR", "VAULT_TOKEN", "BUILDKITE_API_TOKEN")
    assert_explained(done, 10, "3 problems were found", *variables)


def test_one_run_delivers_to_three_stores_and_resumes_where_it_failed(
    client: ClientHarness, key: str
) -> None:
    with ExitStack() as stack:
        makes: list[Make] = [GitlabHarness, VaultHarness, BuildkiteHarness]
        places = [stack.enter_context(make()) for make in makes]
        env = {name: text for place in places for name, text in place.environ.items()}
        options = [option for place in places for option in ("--emit-secret", place.text)]
        places[1].server.faults.append(fail("POST", "/data/", 400, body={"errors": ["not now"]}))
        assert rotate(client, key, *options, env=env).code == 12
        assert [place.read() == OLDER for place in places] == [False, True, True], "the last waits"
        assert rotate(client, key, *options, env=env).code == 0
        assert len({place.read() for place in places}) == 1
        assert [len(place.server.calls("PUT")) for place in places] == [1, 0, 1]


def test_a_sealed_openbao_is_refused_and_an_unsealed_one_gets_the_key(
    client: ClientHarness, key: str, openbao: OpenBao
) -> None:
    with OpenBaoOverTls() as place:
        openbao.seal()
        refused = rotate(client, key, "--emit-secret", place.text, env=place.environ)
        assert_explained(refused, 11, "Vault is sealed", "BAO_ADDR")
        assert client.ledger.successors(key) == []
        openbao.unseal()
        done = rotate(client, key, "--emit-secret", place.text, env=place.environ)
        assert done.code == 0, done.said
        assert client.server.accepts(place.read())
        assert place.token not in done.said


# Without a stored key


@contextmanager
def trusted_job() -> Iterator[tuple[AwsSecretHarness, IdTokens, dict[str, str]]]:
    """Open a place, the issuer of a job that may write it as a role, and the job's variables."""
    with AwsSecretHarness() as place, IdTokens() as issuer:
        place.revoke()
        place.server.subjects.add(JOB["sub"])
        job = {"AWS_REGION": REGION, "AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL": place.server.url}
        yield place, issuer, {**job, **issuer.environ}


def test_a_job_becomes_a_role_and_masks_what_it_is_given(client: ClientHarness, key: str) -> None:
    with trusted_job() as (place, issuer, env):
        job = {"SIGNOTAUR_API_KEY": key, "GITHUB_ACTIONS": "true", **env}
        done = client.rotate("--emit-secret", place.text, env=job)
        assert done.code == 0, done.said
        assert client.server.accepts(place.read())
        masked = [line for line in done.said.splitlines() if line.startswith("::add-mask::")]
        shown = "\n".join({*done.said.splitlines()} - {*masked})
        [(secret_key, session)] = place.server.callers.values()
        for token in (*issuer.issued, secret_key, session):
            assert f"::add-mask::{token}" in masked
            assert token not in shown
            files = [path for path in client.folder.rglob("*") if path.is_file()]
            assert not [path for path in files if token.encode() in path.read_bytes()]


def test_a_job_that_the_role_does_not_trust_rotates_nothing(
    client: ClientHarness, key: str
) -> None:
    with trusted_job() as (place, issuer, env):
        issuer.claims["sub"] = "repo:acme/other:environment:signing"
        before = client.ledger.state()
        done = rotate(client, key, "--emit-secret", place.text, env=env)
        assert_explained(done, 11, "refuses the token", "AWS_ROLE_ARN")
        assert client.ledger.state() == before
        assert place.read() == OLDER


def test_a_session_that_ends_before_the_delivery_is_finished_by_the_same_command(
    client: ClientHarness, key: str
) -> None:
    with trusted_job() as (place, _, env):

        def end(call: Call) -> None:
            if place.is_write(call):
                place.revoke()
                place.server.subjects.clear()

        place.server.faults.append(end)
        done = rotate(client, key, "--emit-secret", place.text, env=env)
        assert done.code == 12, done.said
        assert "AWS STS refuses the token (403: AccessDenied" in done.err
        assert place.read() == OLDER
        assert client.server.accepts(key)
        place.server.faults.clear()
        place.server.subjects.add(JOB["sub"])
        done = rotate(client, key, "--emit-secret", place.text, env=env)
        assert done.code == 0, done.said
        assert client.server.accepts(place.read())


# Certificate authorities


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("good"), "The company's own authority")


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("evil"), "Somebody else")


def trusting(evil: Authority, folder: Path) -> dict[str, dict[str, str]]:
    """Return the variables that make OpenSSL itself trust an authority."""
    folder.mkdir()
    hashed = subprocess.run(
        ["openssl", "x509", "-noout", "-subject_hash", "-in", evil.ca_file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (folder / f"{hashed.stdout.strip()}.0").write_bytes(evil.ca_file.read_bytes())
    file, directory = {"SSL_CERT_FILE": str(evil.ca_file)}, {"SSL_CERT_DIR": str(folder)}
    return {"file": file, "folder": directory, "both": file | directory}


@pytest.mark.parametrize("by", ["file", "folder", "both"])
@pytest.mark.parametrize("kind", ["gitlab", "vault", "buildkite"])
def test_variables_of_openssl_make_no_store_trusted(
    kind: str, by: str, client: ClientHarness, key: str, good: Authority, evil: Authority
) -> None:
    """With --ca-file they did: a store with a certificate of that CA was sent the token."""
    variables = trusting(evil, client.folder / "authorities")[by]
    place: StoreHarness[Any]
    with MAKES[kind](tls=evil.issue()) as place:
        if place.authorities_variable:
            variables[place.authorities_variable] = str(good.ca_file)
        done = rotate(client, key, "--emit-secret", place.text, env=place.environ | variables)
        assert_explained(done, 11, "The certificate of ", "is not trusted")
        assert place.server.requests == []


def test_the_authority_that_is_given_is_trusted_beside_such_variables(
    client: ClientHarness, key: str, good: Authority, evil: Authority
) -> None:
    with VaultHarness(tls=good.issue()) as place:
        variables = trusting(evil, client.folder / "authorities")["both"]
        variables[place.authorities_variable] = str(good.ca_file)
        done = rotate(client, key, "--emit-secret", place.text, env=place.environ | variables)
        assert done.code == 0, done.said
        assert client.server.accepts(place.read())
