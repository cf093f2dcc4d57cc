"""``--oidc``: a job with an identity needs no API key. Real key server, issuer of our own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.pages import block
from docs.shell import shell
from signing.harness import add_certificate
from signing.samples import tiny_pe
from signotaur_wire.paths import TOKEN_EXCHANGE
from support.client import Finished, run_client
from support.keyserver import KeyServer
from support.providers.exchange import drop, fail
from support.providers.id_tokens import REQUEST_TOKEN
from support.providers.oidc_issuer import OidcIssuer
from support.tls import Authority

VARIABLE = "SIGNOTAUR_ID_TOKEN"


class Identity:
    """A key server that trusts one issuer, and a job of that issuer."""

    def __init__(self, server: KeyServer, issuer: OidcIssuer, folder: Path) -> None:
        self.server = server
        self.issuer = issuer
        self.home = folder / "home"
        self.home.mkdir()
        # One --ca-file serves the key server and the platform.
        self.ca_file = folder / "both.pem"
        self.ca_file.write_text(server.ca_file.read_text() + issuer.authority.ca_file.read_text())
        server.command(
            *("trust", "add", issuer.url, "--user=build", f"--audience={server.url}"),
            *("--claim=repository=acme/app", f"--ca-file={issuer.authority.ca_file}"),
        )

    @property
    def options(self) -> tuple[str, ...]:
        return "--sign-server", self.server.url, "--ca-file", str(self.ca_file)

    def run(self, command: str, *options: str, **env: str) -> Finished:
        """Run a command in a folder of its own, and look that it wrote no secret there."""
        home = {"HOME": str(self.home)}
        done = run_client(command, *self.options, *options, env=home | env, cwd=self.home)
        # A GitHub job hides what it was told to mask: these lines alone show it.
        said = "\n".join(line for line in done.said.splitlines() if "::add-mask::" not in line)
        written = [path.read_bytes() for path in self.home.rglob("*") if path.is_file()]
        for secret in (*self.issuer.issued, *filter(None, [env.get(VARIABLE)]), REQUEST_TOKEN):
            assert secret not in said
            assert not [content for content in written if secret.encode() in content]
        assert "sig_" not in said
        assert not [content for content in written if b"sig_" in content]
        return done

    def guard(self, *options: str, **env: str) -> Finished:
        return self.run("guard", "--oidc", *options, **env)


@pytest.fixture
def identity(own_server: KeyServer, tmp_path: Path) -> Iterator[Identity]:
    with OidcIssuer(Authority(tmp_path / "issuer")) as issuer:
        yield Identity(own_server, issuer, tmp_path)


def test_a_job_of_github_needs_no_key(identity: Identity) -> None:
    done = identity.guard(**identity.issuer.environ, GITHUB_ACTIONS="true")
    assert done.code == 0, done.said
    masks = re.findall("::add-mask::(.*)", done.out)
    assert identity.issuer.issued[0] in masks
    assert [mask for mask in masks if mask.startswith("sig_")]
    (call,) = identity.issuer.calls(part="/idtoken")
    assert "audience=https%3A%2F%2F127.0.0.1" in call.path
    again = identity.guard(**identity.issuer.environ, SIGNOTAUR_OIDC="true")
    assert again.code == 0, again.said
    assert len(identity.server.keys()) == 2


def test_the_example_guards_and_signs(identity: Identity) -> None:
    owner = ("--key-type=ec-p256", "--expires-in=365d")
    add_certificate(identity.server, "production", *owner)
    (identity.home / "dist").mkdir()
    program = tiny_pe(identity.home / "dist" / "app.exe")
    before = program.read_bytes()
    example = block("signotaur-action guard --oidc").replace(
        "https://keys.example.com", identity.server.url
    )
    environ = {**identity.issuer.environ, "SIGNOTAUR_CA_FILE": str(identity.ca_file)}
    done = shell(example, identity.home, **environ)
    assert done.returncode == 0, done.stderr
    assert program.read_bytes() != before


def test_a_token_from_a_variable_makes_one_key(identity: Identity) -> None:
    token = identity.issuer.token(identity.server.url)
    assert identity.guard(SIGNOTAUR_ID_TOKEN=token).code == 0
    done = identity.guard(SIGNOTAUR_ID_TOKEN=token)
    assert done.code == 2
    assert "does not accept the ID token of this job: This token was used before." in done.err
    assert "Unchanged: the guard only reads." in done.err


def test_a_job_that_no_trust_allows(identity: Identity) -> None:
    identity.issuer.claims["repository"] = "acme/other"
    tiny_pe(identity.home / "app.exe")
    before = (identity.home / "app.exe").read_bytes()
    done = identity.run("sign", "--oidc", "--label=x", "app.exe", **identity.issuer.environ)
    assert done.code == 2, done.said
    assert "No trust of this server allows the audience and the claims" in done.err
    assert (identity.home / "app.exe").read_bytes() == before


def test_a_token_for_somebody_else_is_not_sent(identity: Identity) -> None:
    token = identity.issuer.token("https://vault.example.com")
    done = identity.guard(SIGNOTAUR_ID_TOKEN=token)
    assert done.code == 2
    assert f"must be for the audience {identity.server.url} alone" in done.err
    refused = [event for event in identity.server.events() if event["type"] == "request-refused"]
    assert refused == []


@pytest.mark.parametrize(
    ("options", "env", "reason"),
    [
        ([], {}, "--oidc: needs an ID token: give the job the permission id-token: write"),
        (
            ["--api-key-file=key.txt"],
            {VARIABLE: "token-of-this-job"},
            "--oidc and --api-key-file cannot be used",
        ),
        (
            ["--api-key=abcdefghijklmnop"],
            {VARIABLE: "token-of-this-job"},
            "--oidc and --api-key cannot be used",
        ),
        (
            [],
            {VARIABLE: "token-of-this-job", "SIGNOTAUR_API_KEY": "abcdefghijklmnop"},
            "--oidc and the variable SIGNOTAUR_API_KEY cannot be used",
        ),
        (
            ["--fail-if-expiring-within=7d"],
            {VARIABLE: "token-of-this-job"},
            "--fail-if-expiring-within cannot be used with --oidc",
        ),
        (["--max-age=7d"], {VARIABLE: "token-of-this-job"}, "--max-age cannot be used with --oidc"),
    ],
)
def test_what_cannot_be(
    identity: Identity, options: list[str], env: dict[str, str], reason: str
) -> None:
    done = identity.guard(*options, **env)
    assert done.code == 10
    assert reason in done.err


@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [("not-a-token", 2, "the ID token is not a JSON Web Token"), ("a.e30.b", 2, "must be for")],
)
def test_what_is_not_a_token(identity: Identity, token: str, code: int, reason: str) -> None:
    done = identity.guard(SIGNOTAUR_ID_TOKEN=token)
    assert done.code == code
    assert reason in done.err


def test_the_platform_gives_no_token(identity: Identity) -> None:
    identity.issuer.faults = [fail("GET", "idtoken", 403)]
    done = identity.guard(**identity.issuer.environ)
    assert done.code == 2
    assert "GitHub gave this job no ID token (403)" in done.err


def test_the_issuer_is_down(identity: Identity) -> None:
    identity.issuer.faults = [fail("GET", "well-known", 500)]
    done = identity.guard("--timeout=5s", **identity.issuer.environ)
    assert done.code == 1
    assert "The keys of the token's issuer cannot be fetched now." in done.err


def test_a_server_without_an_exchange(identity: Identity) -> None:
    issuer = identity.issuer
    issuer.faults = [fail("POST", TOKEN_EXCHANGE, 404)]
    other = ("--sign-server", issuer.url)
    done = identity.guard(*other, SIGNOTAUR_ID_TOKEN=issuer.token(issuer.url))
    assert done.code == 1
    assert "has no token exchange (404)" in done.err


def test_a_busy_server_is_asked_again_and_a_lost_answer_is_not(identity: Identity) -> None:
    issuer = identity.issuer
    other = ("--sign-server", issuer.url)
    busy = fail("POST", TOKEN_EXCHANGE, 503, headers={"Retry-After": "1"}, times=2)
    issuer.faults = [busy, fail("POST", TOKEN_EXCHANGE, 404)]
    assert identity.guard(*other, SIGNOTAUR_ID_TOKEN=issuer.token(issuer.url)).code == 1
    calls = issuer.calls("POST", TOKEN_EXCHANGE)
    assert [call.status for call in calls] == [503, 503, 404]
    assert len({call.body for call in calls}) == 1
    assert "authorization" not in calls[0].headers
    issuer.faults = [drop("POST", TOKEN_EXCHANGE)]
    assert identity.guard(*other, SIGNOTAUR_ID_TOKEN=issuer.token(issuer.url)).code == 1
    assert [call.status for call in issuer.calls("POST", TOKEN_EXCHANGE)] == [503, 503, 404, 0]
