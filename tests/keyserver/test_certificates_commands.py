"""``cert`` at the command line: what it prints where, what it does, and its exit codes."""

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from keyserver.certs import YEAR, get_certificate, lasting, material, sign, without_usage
from keyserver.harness import Client
from keyserver.processes import Process, command
from signotaur_keyserver.cli import run
from signotaur_keyserver.pki.selfsigned import KeyType, self_signed

Run = Callable[..., tuple[int, str, str]]
SELF_SIGNED = ("--self-signed", "--subject=CN=Example", "--key-type=ec-p256")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def cli(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit code, stdout, stderr; the user ci is there."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments, f"--data-dir={data_dir}"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    call("user", "add", "ci")
    return call


def _listed(cli: Run, *options: str) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(cli("cert", "list", "--json", *options)[1])
    return listed


def test_a_certificate_is_added_in_one_line(cli: Run) -> None:
    code, out, err = cli("cert", "add", "--label=production", *SELF_SIGNED, "--user=ci")
    assert code == 0
    assert out.count("\n") == 1
    number, label, thumbprint = out.strip().split("\t")
    assert (number, label, len(thumbprint)) == ("1", "production", 40)
    assert err == ""
    code, out, err = cli("cert", "add", "--label=second", *SELF_SIGNED, "--json")
    assert (code, err) == (0, "")
    assert set(json.loads(out)) == {
        "id",
        "label",
        "alias",
        "thumbprint",
        "subject",
        "notBefore",
        "notAfter",
    }


def test_the_first_command_makes_the_master_key(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["user", "add", "ci", f"--data-dir={data_dir}"])
    assert capsys.readouterr().err == (
        f"created {data_dir}/master.key: back it up, separately from the database\nuser 1 added\n"
    )
    assert stat.S_IMODE((data_dir / "master.key").stat().st_mode) == 0o600


def test_the_life_of_a_certificate(cli: Run) -> None:
    cli("cert", "add", "--label=production", *SELF_SIGNED, "--expires-in=9d")
    assert _listed(cli)[0]["users"] == []
    granted = cli("cert", "grant", "production", "--user=ci")
    assert granted == (0, "", "ci can now sign with this certificate\n")
    again = cli("cert", "grant", "1", "--user=ci")[2]
    assert again == "ci could already sign with this certificate\n"
    assert _listed(cli)[0]["users"] == ["ci"]
    assert "production: CN=Example  (ci)" in cli("cert", "list")[1]
    assert cli("cert", "revoke-access", "production", "--user=ci")[0] == 0
    assert "no access" in cli("cert", "revoke-access", "production", "--user=ci")[2]
    assert "(administrators only)" in cli("cert", "list")[1]
    states = [_listed(cli, f"--clock-offset={days}")[0]["state"] for days in ("0s", "10d")]
    assert states == ["valid", "expired"]
    assert cli("cert", "remove", "production") == (0, "", "certificate 1 is removed\n")
    entry = _listed(cli)[0]
    assert (entry["state"], entry["label"]) == ("removed", None)
    assert entry["removedAt"]
    types = [event["type"] for event in json.loads(cli("events", "--json")[1])]
    assert types == [
        "user-added",
        "certificate-added",
        "certificate-access-granted",
        "certificate-access-revoked",
        "certificate-removed",
    ]


def test_two_certificates_behind_one_label(cli: Run) -> None:
    for _ in range(2):
        cli("cert", "add", "--label=production", *SELF_SIGNED)
    code, out, err = cli("cert", "remove", "production")
    assert (code, out) == (1, "")
    assert err.endswith("several certificates have this label; name one by id: 1, 2\n")
    assert cli("cert", "disable", "1") == (0, "", "")
    assert [each["state"] for each in _listed(cli)] == ["disabled", "valid"]
    assert cli("cert", "enable", "1") == (0, "", "")
    renamed = cli("cert", "rename", "1", "--label=production", "--alias=year-2026")
    assert renamed == (0, "", "")
    assert "production (year-2026): CN=Example" in cli("cert", "list")[1]
    assert cli("cert", "remove", "year-2026") == (0, "", "certificate 1 is removed\n")
    assert cli("cert", "remove", "production") == (0, "", "certificate 2 is removed\n")


def test_a_pfx_file_is_added_with_its_password(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, password in (("one", b"se cret"), ("two", b"se cret"), ("three", None)):
        made = material(name=name)
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        content = pkcs12.serialize_key_and_certificates(
            b"name", made.key, made.certificate, None, encryption
        )
        (tmp_path / f"{name}.pfx").write_bytes(content)
    monkeypatch.setenv("PFX_PASSWORD", "se cret")
    (tmp_path / "password").write_bytes(b"se cret\r\nmore\n")
    (tmp_path / "wrong").write_text("another")

    def add(name: str, *options: str) -> tuple[int, str, str]:
        return cli("cert", "add", f"--label={name}", f"--pfx={tmp_path}/{name}.pfx", *options)

    assert add("one", f"--pfx-password-file={tmp_path}/password")[0] == 0
    assert add("two", "--pfx-password-env=PFX_PASSWORD")[0] == 0
    assert add("three")[0] == 0
    assert [entry["thumbprint"] for entry in _listed(cli)] == [
        material(name=name).thumbprint for name in ("one", "two", "three")
    ]
    code, out, err = add("one", f"--pfx-password-file={tmp_path}/wrong")
    assert (code, out) == (1, "")
    assert "the password is wrong" in err
    assert add("one")[0] == 1
    both = ("--pfx-password-env=PFX_PASSWORD", f"--pfx-password-file={tmp_path}/password")
    assert add("one", *both)[0] == 10
    assert "NO_SUCH_VARIABLE is not set" in add("one", "--pfx-password-env=NO_SUCH_VARIABLE")[2]


def test_a_certificate_that_is_of_little_use_is_added_with_a_warning(
    cli: Run, tmp_path: Path
) -> None:
    for made, said in (
        (lasting(YEAR, since=-2 * YEAR), "is expired and cannot sign"),
        (lasting(YEAR, since=YEAR), "is not-yet-valid and cannot sign"),
        (without_usage(), "is not marked for code signing"),
    ):
        (tmp_path / "cert.pem").write_bytes(made.certificate.public_bytes(Encoding.PEM))
        (tmp_path / "key.der").write_bytes(made.key_der)
        files = (f"--cert={tmp_path}/cert.pem", f"--key={tmp_path}/key.der")
        code, _, err = cli("cert", "add", f"--label={made.thumbprint}", *files)
        assert code == 0
        assert err.splitlines()[-1] == f"warning: this certificate {said}"


def test_what_a_certificate_says_of_itself_harms_no_terminal(cli: Run, tmp_path: Path) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\x1b[2K\n##[error]b")])
    made = self_signed(name, KeyType.EC_P256, datetime.now(UTC), YEAR)
    (tmp_path / "cert.der").write_bytes(made.certificate_der)
    (tmp_path / "key.der").write_bytes(made.key_der)
    files = (f"--cert={tmp_path}/cert.der", f"--key={tmp_path}/key.der")
    assert cli("cert", "add", "--label=x", *files)[0] == 0
    assert cli("cert", "list")[1].rstrip("\n").isprintable()


def test_export_gives_the_public_certificate(cli: Run) -> None:
    cli("cert", "add", "--label=production", *SELF_SIGNED)
    code, out, err = cli("cert", "export", "Production")
    assert (code, err) == (0, "")
    assert "PRIVATE" not in out
    certificate = x509.load_pem_x509_certificate(out.encode())
    assert certificate.subject.rfc4514_string() == "CN=Example"
    assert cli("cert", "export", "1", "--chain")[1] == out


FAULTS = {
    "no source": (),
    "two sources": ("--self-signed", "--pfx=/none"),
    "half a pair": ("--cert=/dev/null",),
    "no file": ("--pfx=/none/such",),
    "no subject": ("--self-signed",),
    "what is no subject": ("--self-signed", "--subject=Example"),
    "no lifetime": (*SELF_SIGNED, "--expires-in=0s"),
    "no duration": (*SELF_SIGNED, "--expires-in=soon"),
    "no type of key": ("--self-signed", "--subject=CN=x", "--key-type=rsa-1024"),
    "a password without PFX": (*SELF_SIGNED, "--pfx-password-env=HOME"),
    "a subject for a PFX": ("--pfx=/dev/null", "--subject=CN=x"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_usage_errors_end_with_10(cli: Run, fault: str) -> None:
    code, out, err = cli("cert", "add", "--label=x", *FAULTS[fault])
    assert (code, out) == (10, "")
    assert err.startswith("signotaur-keyserver: ")
    assert "Traceback" not in err
    assert _listed(cli) == []


def test_options_without_the_one_that_they_need_are_named(cli: Run) -> None:
    err = cli("cert", "add", "--label=x", *FAULTS["a password without PFX"])[2]
    assert "--pfx-password-env can only be used with --pfx\n" in err
    alone = ("--subject=CN=x", "--key-type=rsa-3072")
    err = cli("cert", "add", "--label=x", "--pfx=/dev/null", *alone)[2]
    assert "--subject and --key-type can only be used with --self-signed\n" in err


FAILURES = {
    "an unknown certificate": ("cert", "remove", "nothing"),
    "an unknown certificate to grant": ("cert", "grant", "9", "--user=ci"),
    "an unknown certificate to export": ("cert", "export", "9"),
    "an unknown user": ("cert", "grant", "production", "--user=nobody"),
    "an unknown user to add": ("cert", "add", "--label=y", *SELF_SIGNED, "--user=nobody"),
    "an alias that is a number": ("cert", "rename", "1", "--label=production", "--alias=1"),
    "a label that is a number": ("cert", "add", "--label=12", *SELF_SIGNED),
    "an empty PFX": ("cert", "add", "--label=y", "--pfx=/dev/null"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_end_with_1(cli: Run, failure: str) -> None:
    cli("cert", "add", "--label=production", *SELF_SIGNED)
    code, out, err = cli(*FAILURES[failure])
    assert (code, out) == (1, "")
    assert err.startswith("signotaur-keyserver: ")
    assert len(_listed(cli)) == 1


def test_without_its_master_key_no_server_starts(cli: Run, data_dir: Path) -> None:
    cli("cert", "add", "--label=production", *SELF_SIGNED)
    (data_dir / "master.key").unlink()
    done = command("serve", f"--data-dir={data_dir}", "--insecure-http", "--port=0")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{data_dir}/master.key is missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert cli("cert", "add", "--label=second", *SELF_SIGNED)[0] == 1
    assert not (data_dir / "master.key").exists()


def test_the_commands_work_while_the_server_runs(cli: Run, data_dir: Path) -> None:
    key = cli("key", "add", "--user=ci", "--name=build")[1].strip()
    with Process(data_dir, "--insecure-http") as server:
        client = Client(server.url, [key])
        assert get_certificate(client, key, label="production")["result"] == 1
        added = cli("cert", "add", "--label=production", *SELF_SIGNED, "--user=ci")[1]
        thumbprint = added.split("\t")[2].strip()
        assert get_certificate(client, key, label="production")["thumbprint"] == thumbprint
        assert sign(client, key, thumbprint)["result"] == 0
        cli("cert", "remove", "production")
        assert sign(client, key, thumbprint)["result"] == 1
        client.close()
    assert "POST /api/v1/sign 200" in server.log.read_text()
