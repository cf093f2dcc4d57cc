"""``timestamp``: adds to signed files what others verify, and leaves every other file as it is."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import tsp

from signing import samples
from signing.authority import Answer, Authority, served
from signing.harness import SigningServer, judge
from signing.local import LocalSigner
from signotaur_action.signing import timestamps
from signotaur_action.signing.outcomes import FileStatus
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.plan import OnSigned
from signotaur_action.signing.signed_message import SignedMessage
from signotaur_wire.signing import DigestAlgorithm
from support.client import Finished, run_client

CLOSED = "http://127.0.0.1:9/closed"
OF_SOMETHING_ELSE = timestamps.request(b"another signature", DigestAlgorithm.SHA256, 7)


@pytest.fixture(scope="module")
def local() -> LocalSigner:
    return LocalSigner()


def timestamp(*arguments: str | Path, **env: str) -> Finished:
    return run_client("timestamp", *arguments, env=env)


def signed_program(path: Path, signer: LocalSigner) -> Path:
    assert signer.sign(samples.launcher(path)).status is FileStatus.SIGNED
    return path


def message_of(file: Path) -> SignedMessage:
    return SignedMessage.read(PeFiles().signature(file, file.parent))


# What others verify


def test_every_kind_of_signed_file_gets_a_timestamp(
    signer: SigningServer, authority: Authority, work: Path
) -> None:
    files = samples.one_of_each(work)
    assert signer.sign("--label", "production", *files).code == 0
    with served(authority.answer) as (url, asked):
        done = timestamp("--json", "--tr", url, "--trust-existing-signatures", *files)

    assert done.code == 0, done.err
    assert done.json["timestamped"] == len(asked) == len(files)
    assert f"{len(files)} files timestamped" in done.err
    for file in files:
        verified = judge(file, signer.trusted, "-TSA-CAfile", authority.certificate)
        assert verified.good, verified.told
        assert "Timestamp Server Signature verification: ok" in verified.told
    subprocess.run(
        ["sbverify", "--cert", signer.trusted, files[0]],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    trusted = work / "trusted.pem"
    trusted.write_bytes(signer.trusted.read_bytes() + authority.certificate.read_bytes())
    ours = ("verify", "--ca-file", trusted, "--trust-existing-signatures")
    assert run_client(*ours, *files).code == 0


def test_openssl_verifies_the_token(authority: Authority, local: LocalSigner, work: Path) -> None:
    file = signed_program(work / "a.exe", local)
    before = message_of(file)
    with served(authority.answer) as (url, asked):
        assert timestamp("--tr", url, "--td", "SHA512", file).code == 0

    imprint = tsp.TimeStampReq.load(asked[0])["message_imprint"]
    assert imprint["hash_algorithm"]["algorithm"].native == "sha512"
    after = message_of(file)
    assert (after.signer, after.certificates) == (before.signer, before.certificates)
    (work / "token").write_bytes(after.timestamps[0])
    (work / "signature").write_bytes(after.signature)
    subprocess.run(
        ["openssl", "ts", "-verify", "-data", "signature", "-in", "token", "-token_in",
         "-CAfile", str(authority.certificate)],
        cwd=work, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def test_every_signature_without_a_timestamp_gets_one(
    authority: Authority, local: LocalSigner, work: Path
) -> None:
    file, other = signed_program(work / "a.exe", local), LocalSigner(name="other")
    with served(authority.answer) as (url, asked):
        assert timestamp("--tr", url, file).code == 0
        assert other.sign(file, OnSigned.APPEND).status is FileStatus.SIGNED
        first = message_of(file).timestamps
        assert timestamp("--tr", url, file).code == 0

    assert len(asked) == 2
    message = message_of(file)
    assert message.timestamps == first
    [nested] = message.nested
    assert len(SignedMessage.read(nested).timestamps) == 1
    trusted = work / "trusted.pem"
    trusted.write_bytes(local.pem + other.pem)
    verified = judge(file, trusted, "-TSA-CAfile", authority.certificate)
    assert verified.good
    assert "Number of verified signatures: 2" in verified.told


# Files that stay as they are


def test_unsigned_and_timestamped_files_are_skipped(
    authority: Authority, local: LocalSigner, work: Path
) -> None:
    signed = signed_program(work / "a.exe", local)
    unsigned = [samples.tiny_pe(work / "u.exe"), samples.script(work / "u.ps1"),
                samples.catalogue(work / "u.cat")]  # fmt: skip
    with served(authority.answer) as (url, asked):
        done = timestamp("--tr", url, "--json", signed, *unsigned)
        before = {file: file.read_bytes() for file in (signed, *unsigned)}
        again = timestamp("--tr", url, "*.exe", "-b", work)

    assert (done.code, again.code) == (0, 0)
    assert (done.json["timestamped"], done.json["skipped"]) == (1, 3)
    assert "skipped: " in done.err
    assert "u.exe (it is not signed)" in done.err
    assert "a.exe (it already has a timestamp)" in again.err
    assert len(asked) == 1
    assert before == {file: file.read_bytes() for file in before}


def changed(content: bytes) -> bytes:
    return content[:600] + bytes([content[600] ^ 1]) + content[601:]


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (changed, 1, "it was changed after it was signed"),
        (lambda content: content[:-9], 10, "its certificate table is damaged"),
        (lambda content: content[:40], 10, "not a PE file, or is damaged"),
        (lambda _: b"words", 10, "its format is not supported"),
    ],
)
def test_a_damaged_file_gets_no_timestamp(
    authority: Authority,
    local: LocalSigner,
    work: Path,
    damage: Callable[[bytes], bytes],
    code: int,
    said: str,
) -> None:
    file = signed_program(work / "a.exe", local)
    file.write_bytes(damage(file.read_bytes()))
    before = file.read_bytes()
    with served(authority.answer) as (url, asked):
        done = timestamp("--tr", url, file)
    assert (done.code, asked) == (code, [])
    assert said in done.err
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_written_is_reported_and_the_others_done(
    authority: Authority, local: LocalSigner, work: Path
) -> None:
    good, locked = (signed_program(work / name, local) for name in ("good.exe", "locked.exe"))
    locked.chmod(0o444)
    with served(authority.answer) as (url, _):
        done = timestamp("--tr", url, "--json", good, locked)
    assert done.code == 1
    assert [each["result"] for each in done.json["files"]] == ["timestamped", "failed"]
    assert "1 of 2 files could not be timestamped" in done.err
    assert "it is read-only" in done.err
    assert "It skips the files that have a timestamp." in done.err
    assert sorted(each.name for each in work.iterdir()) == ["good.exe", "locked.exe"]


def test_an_old_osslsigncode_gets_no_signed_file(
    signer: SigningServer, authority: Authority, work: Path
) -> None:
    files = samples.for_osslsigncode(work)
    assert signer.sign("--label", "production", *files).code == 0
    before = [file.read_bytes() for file in files]
    with served(authority.answer) as (url, asked):
        done = timestamp("--tr", url, *files)
    assert (done.code, asked) == (10, [])
    assert "--trust-existing-signatures" in done.err
    assert [file.read_bytes() for file in files] == before


# Servers


def test_servers_are_tried_in_order(authority: Authority, local: LocalSigner, work: Path) -> None:
    files = [signed_program(work / f"{name}.exe", local) for name in "abc"]
    with (
        served(lambda _: (200, b"rubbish")) as (first, asked_first),
        served(authority.answer) as (last, asked_last),
    ):
        done = timestamp(
            "--tr", CLOSED, "--fallback-timestamp-server", first,
            "--fallback-timestamp-server", last, "--max-degree-of-parallelism", "1", *files,
        )  # fmt: skip
    assert done.code == 0, done.err
    assert len(asked_first) == 1
    assert len(asked_last) == len(files)


def of_another_request(authority: Authority) -> Answer:
    return lambda _: authority.answer(OF_SOMETHING_ELSE)


def with_wrong_nonce(authority: Authority) -> Answer:
    def answer(request: bytes) -> tuple[int, bytes]:
        asked = tsp.TimeStampReq.load(request)
        asked["nonce"] = asked["nonce"].native ^ 1
        return authority.answer(asked.dump(force=True))

    return answer


def with_changed_signature(authority: Authority) -> Answer:
    def answer(request: bytes) -> tuple[int, bytes]:
        status, body = authority.answer(request)
        return status, body[:-1] + bytes([body[-1] ^ 1])

    return answer


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda _: lambda _: (200, b"rubbish"), "the response is not a timestamp"),
        (lambda _: lambda _: (503, b"later"), "it answered 503"),
        (of_another_request, "not a timestamp of this request"),
        (with_wrong_nonce, "not a timestamp of this request"),
        (with_changed_signature, "its signature was not made with its certificate's key"),
    ],
)
def test_without_a_good_timestamp_nothing_is_changed(
    authority: Authority,
    local: LocalSigner,
    work: Path,
    lie: Callable[[Authority], Answer],
    said: str,
) -> None:
    file = signed_program(work / "a.exe", local)
    before = file.read_bytes()
    with served(lie(authority)) as (url, _):
        done = timestamp("--tr", url, file)
    assert done.code == 1
    assert said in done.err
    assert file.read_bytes() == before
    assert [each.name for each in work.iterdir()] == ["a.exe"]


def test_no_other_file_is_tried_when_every_server_is_down(local: LocalSigner, work: Path) -> None:
    files = [signed_program(work / f"{name}.exe", local) for name in "abc"]
    done = timestamp("--tr", CLOSED, "--json", "--max-degree-of-parallelism", "1", *files)
    assert done.code == 1
    assert (done.json["failed"], done.json["untried"]) == (1, 2)
    assert "No timestamp server returned a timestamp" in done.err
    assert "This command uses no key." in done.err


def test_bad_usage_is_reported_at_once(work: Path) -> None:
    done = timestamp("missing.exe", "--td", "SHA1", "-b", work)
    assert done.code == 10
    for fault in (
        "missing.exe does not exist",
        "--timestamp-digest: it must be SHA256, SHA384 or SHA512",
        "no timestamp server is set; give --timestamp-server",
    ):
        assert fault in done.err
    assert "This command uses no key." in done.err
    assert "it must be an http or https URL" in timestamp("--tr", "ftp://tsa", "missing.exe").err
