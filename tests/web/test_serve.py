"""The pages of a real process: over TLS, without pages, and the commands about passwords."""

import re
import subprocess
from pathlib import Path

import pytest
import requests

from docs.pages import block
from docs.shell import shell
from keyserver.processes import Process, command
from web.pages import PASSWORD, Visitor, text_of


def _command(
    data_dir: Path, *arguments: str, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    return command(*arguments, f"--data-dir={data_dir}", typed=typed)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder with the administrator ada."""
    folder = tmp_path / "data"
    added = _command(folder, "user", "add", "ada", "--admin", "--password-stdin", typed=PASSWORD)
    assert (added.returncode, added.stdout) == (0, "")
    return folder


def test_an_administrator_signs_in_over_tls(data_dir: Path) -> None:
    with Process(data_dir, "--self-signed") as server:
        visitor = Visitor(server.url)
        visitor.session.verify = server.ready["caFile"]
        cookies = visitor.sign_in("ada").headers["Set-Cookie"]
        session = next(c for c in cookies.split(", ") if "signotaur-session=" in c)
        assert session.startswith("__Host-signotaur-session=")
        assert "; Secure" in session
        assert "; HttpOnly" in session
        assert "Path=/" in session
        assert "Domain" not in session
        assert "Certificate authority" in text_of(visitor.get("/settings"))
        downloaded = visitor.get("/settings/ca.pem")
        assert downloaded.text == Path(server.ready["caFile"]).read_text()
        assert visitor.call("GET", "/api/v1/settings").json() == {"authority": downloaded.text}
        visitor.close()
    log = server.log.read_text()
    assert "GET /settings/ca.pem 200" in log
    assert PASSWORD not in log


def test_ids_in_paths_are_not_logged(data_dir: Path) -> None:
    with Process(data_dir, "--insecure-http") as server:
        requests.get(f"{server.url}/users/77", timeout=60)
        requests.get(f"{server.url}/login?next=/users", timeout=60)
    log = server.log.read_text()
    assert "GET /users/{user_id:int} 303" in log
    assert "GET /login 200" in log


def test_without_web_there_is_the_api_alone(data_dir: Path) -> None:
    with Process(data_dir, "--insecure-http", "--no-web") as server:
        for path in ("/", "/login", "/static/style.css", "/api/v1/session", "/api/v1/users"):
            assert requests.get(server.url + path, timeout=60).status_code == 404
        described = requests.get(f"{server.url}/openapi.json", timeout=60).json()
        assert "/api/v1/session" not in described["paths"]
        assert requests.get(f"{server.url}/healthz", timeout=60).ok


def test_passwords_are_set_at_the_command_line(data_dir: Path) -> None:
    with Process(data_dir, "--insecure-http") as server:
        visitor = Visitor(server.url)
        assert visitor.sign_in("ada").status_code == 303
        new = "a password of windows\r\n"
        reset = ("user", "set-password", "ada", "--password-stdin")
        assert _command(data_dir, *reset, "--temporary", typed=new).returncode == 0
        assert visitor.get("/profile").status_code == 303
        assert visitor.sign_in("ada").status_code == 401
        assert visitor.sign_in("ada", new.strip()).status_code == 303
        assert "Your password is temporary" in text_of(visitor.get("/profile"))
        visitor.close()


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "said"),
    [
        (("add", "bob", "--password-stdin"), "short", 10, "has 12 to 1024 characters"),
        (("add", "bob", "--password-stdin"), "x" * 5000, 10, "has 12 to 1024 characters"),
        (("add", "bob and twelve", "--password-stdin"), "BOB and twelve", 10, "user name"),
        (("set-password", "ada"), None, 10, "--password-stdin"),
        (("set-password", "bob", "--password-stdin"), PASSWORD, 1, "no user with this name"),
        (("edit", "bob", "--admin"), None, 1, "no user with this name"),
    ],
)
def test_faults_at_the_command_line(
    data_dir: Path, arguments: tuple[str, ...], typed: str | None, code: int, said: str
) -> None:
    done = _command(data_dir, "user", *arguments, typed=typed)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "bob" not in _command(data_dir, "user", "list").stdout


def test_users_are_listed_and_edited(data_dir: Path) -> None:
    _command(data_dir, "user", "add", "ci", "--role=ApiKeyRotator")
    edited = _command(
        data_dir, "user", "edit", "ci", "--admin", "--role=Auditor", "--remove-role=ApiKeyRotation"
    )
    assert (edited.returncode, edited.stdout, edited.stderr) == (0, "", "")
    listed = _command(data_dir, "user", "list").stdout.splitlines()
    assert listed == [
        "     1  enabled   administrator  ada: -",
        "     2  enabled   administrator  ci: Auditor",
    ]
    told = _command(data_dir, "user", "list", "--json").stdout
    assert '"hasPassword": true' in told
    assert "argon2" not in told
    _command(data_dir, "user", "edit", "ci", "--no-admin")
    assert "user           ci: Auditor" in _command(data_dir, "user", "list").stdout


def test_the_example_of_the_manual(tmp_path: Path) -> None:
    done = shell(block("openssl rand -base64 24"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r" +1  enabled   administrator  ada: -\n", done.stdout)
