"""``guard --certificate-expiring-within`` against the real key server."""

import json
from pathlib import Path

import pytest

from docs.pages import BLOCKS
from docs.shell import PLACEHOLDER, shell
from signing.harness import SigningServer, add_certificate
from signotaur_wire.signing import CERT_GET, CertificateAnswer
from support.client import Finished, run_client
from support.front import Exchange, Front
from support.keyserver import KeyServer
from support.providers.github import GitHub
from support.runner import parse_file

LIMIT = "--certificate-expiring-within"
REPOSITORY, TOKEN = "acme/app", "ghs_of-the-job-0123456789"


class CertificateGuard:
    """A server with a certificate of 40 days and a half under a fresh label, and its guard."""

    def __init__(self, server: KeyServer, key: str, label: str) -> None:
        self.server = server
        self.key = key
        self.label = label
        self.add(label, "972h")

    def add(self, label: str, expires_in: str) -> None:
        add_certificate(self.server, label, "--key-type=ec-p256", f"--expires-in={expires_in}")

    @property
    def thumbprint(self) -> str:
        """Of the certificate that signs."""
        return SigningServer(self.server, self.key, Path()).thumbprint(self.label)

    def guard(self, *options: str, **env: str) -> Finished:
        done = run_client(
            "guard", *self.server.options, *options, env={"SIGNOTAUR_API_KEY": self.key} | env
        )
        assert self.key not in done.said
        return done

    def judge(self, window: str, *options: str, **env: str) -> Finished:
        return self.guard(LIMIT, window, "--label", self.label, *options, **env)


@pytest.fixture
def guard(shared_server: KeyServer, key: str, fresh_name: str) -> CertificateGuard:
    return CertificateGuard(shared_server, key, fresh_name)


@pytest.mark.parametrize(
    ("window", "code"), [("40d", 0), ("41d", 13), ("99%", 0), ("100%", 13), ("1h", 0)]
)
def test_the_exit_code_says_whether_it_lasts(
    guard: CertificateGuard, window: str, code: int
) -> None:
    done = guard.judge(window)
    assert done.code == code, done.said
    assert f"Certificate: label {guard.label} ({guard.thumbprint})" in done.err
    ending = f"The certificate with the label {guard.label} expires in 40 days, on 20"
    assert (ending in done.err) is (code == 13)
    assert ("The certificate must be renewed." in done.err) is (code == 13)


def test_the_json_object_has_the_certificate(guard: CertificateGuard) -> None:
    found = guard.judge("41d", "--json", "--warn-if-expiring-within", "91d").json
    assert found["certificate"] == {
        "thumbprint": guard.thumbprint,
        "expiresAt": found["certificate"]["expiresAt"],
    }
    assert found["certificate"]["expiresAt"] in found["findings"][1]
    assert found["good"] is False
    assert found["next"].startswith("Rotate the key: ")
    assert found["next"].endswith("Add the renewed certificate to the server; it can have the "
                                  "same label.")  # fmt: skip
    assert "certificate" not in guard.guard("--max-age", "90d", "--json").json


def test_the_renewed_certificate_behind_the_label_counts(guard: CertificateGuard) -> None:
    old = guard.thumbprint
    guard.add(guard.label, "90d")
    assert guard.thumbprint != old
    assert guard.judge("41d").code == 0
    spaced = " ".join(old[start : start + 2] for start in range(0, len(old), 2)).lower()
    assert guard.guard(LIMIT, "41d", "-t", spaced).code == 13
    assert guard.guard(LIMIT, "41d", "--sb", f"CN={guard.label}").code == 0


def test_a_job_gets_outputs(guard: CertificateGuard, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    outputs.touch()
    done = run_client(
        env={
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(outputs),
            "INPUT_COMMAND": "guard",
            "INPUT_API-KEY": guard.key,
            "INPUT_SIGN-SERVER": guard.server.url,
            "INPUT_CA-FILE": str(guard.server.ca_file),
            "INPUT_CERTIFICATE-EXPIRING-WITHIN": "30d",
            "INPUT_LABEL": guard.label,
        }
    )
    assert done.code == 0, done.said
    written = parse_file(outputs.read_bytes()).outputs()
    assert written["certificate-thumbprint"] == guard.thumbprint
    assert written["certificate-expires-at"].startswith("20")
    assert written["state"] == "active"


def test_an_issue_is_kept_for_the_certificate(guard: CertificateGuard) -> None:
    with GitHub() as github:
        github.add_repository(REPOSITORY)
        github.add_token(TOKEN, kind="job", permissions={"issues": "write"})
        job = {
            "GH_TOKEN": TOKEN,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": github.url,
        }
        assert guard.judge("41d", "--report-issue", **job).code == 13
        [issue] = github.open_issues(REPOSITORY)
        assert issue.title.startswith(f"Signing certificate {guard.label} ends on 20")
        guard.add(guard.label, "90d")
        assert guard.judge("41d", "--report-issue", **job).code == 0
        assert github.open_issues(REPOSITORY) == []


# What cannot be judged


def test_a_certificate_that_the_key_may_not_use_is_not_found(guard: CertificateGuard) -> None:
    done = guard.guard(LIMIT, "30d", "--label", f"{guard.label}-other")
    assert done.code == 1
    assert "has no usable certificate with the label" in done.err
    assert "Keys: Unchanged: the guard only reads." in done.err


def test_a_key_that_may_only_rotate_is_refused(guard: CertificateGuard) -> None:
    info = guard.guard("--max-age", "90d", "--json").json
    guard.server.command("key", "policy", str(info["keyId"]), "--purpose", "rotate")
    done = guard.judge("30d")
    assert done.code == 2
    assert "its policy does not allow this command" in done.err
    assert guard.guard("--max-age", "90d").code == 0


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ((LIMIT, "30d"), "no certificate is selected; give --label, --thumbprint or --subject"),
        ((LIMIT, "soon", "--label", "x"), f"{LIMIT}: "),
        ((LIMIT, "30d", "--thumbprint", "x"), "--thumbprint: it must be the SHA-1"),
        (("--max-age", "90d", "--label", "x"), f"--label needs {LIMIT}"),
        (("--label", "x"), "the guard needs a limit"),
    ],
)
def test_a_wrong_command_is_refused(
    guard: CertificateGuard, options: tuple[str, ...], fault: str
) -> None:
    done = guard.guard(*options)
    assert done.code == 10
    assert fault in done.err


def test_a_certificate_that_is_selected_for_sign_alone_is_not_asked_for(
    guard: CertificateGuard,
) -> None:
    done = guard.guard("--max-age", "90d", SIGNOTAUR_LABEL="none has this")
    assert done.code == 0, done.said


@pytest.fixture
def broken(front: Front) -> Front:
    """A server whose certificates are no certificates."""

    def answer(exchange: Exchange) -> bool:
        if exchange.path != CERT_GET:
            return False
        body = json.dumps(CertificateAnswer(0, "", b"0\x84\xff\xff\xff\xff", "AB").to_json())
        exchange.answer(200, {"Content-Type": "application/json"}, body.encode())
        return True

    front.faults.append(answer)
    return front


def test_bytes_that_are_not_a_certificate_are_refused(
    broken: Front, plain_server: KeyServer
) -> None:
    done = run_client(
        *("guard", *broken.options, LIMIT, "30d", "--label", "x"),
        env={"SIGNOTAUR_API_KEY": plain_server.add_key()},
    )
    assert done.code == 1
    assert "sent no valid certificate: it is cut off." in done.err


def test_the_example_of_the_manual_works_as_it_is(own_server: KeyServer, tmp_path: Path) -> None:
    [example] = [block["text"] for block in BLOCKS if block["mark"] == "certificate"]
    add_certificate(own_server, "production", "--key-type=ec-p256")
    key_file = tmp_path / ".signotaur" / "api_key.txt"
    key_file.parent.mkdir()
    key_file.write_text(own_server.add_key())
    done = shell(
        example.replace(PLACEHOLDER, own_server.url),
        tmp_path,
        SIGNOTAUR_CA_FILE=str(own_server.ca_file),
    )
    assert done.returncode == 0, done.stderr
    assert "The key is good." in done.stderr
