"""Timestamps by RFC 3161: a real authority, one that fails, one that lies."""

from pathlib import Path

import pytest
from asn1crypto import tsp

from signing import samples
from signing.authority import Authority, served
from signing.harness import SigningServer, judge
from signotaur_action.signing import der, timestamps
from signotaur_action.signing.timestamps import TimestampError
from signotaur_wire.signing import DigestAlgorithm

SHA256 = DigestAlgorithm.SHA256
REJECTION = der.sequence(der.sequence(der.integer(2)))


def test_a_timestamp_is_verified_by_others(
    signer: SigningServer, authority: Authority, work: Path
) -> None:
    files = [samples.launcher(work / "a.exe"), samples.installer(work / "a.msi"),
             samples.script(work / "a.ps1")]  # fmt: skip
    with served(authority.answer) as (url, asked):
        done = signer.sign("--label", "production", "--tr", url, "--td", "SHA384", *files)

    assert done.code == 0, done.err
    assert len(asked) == len(files)
    imprint = tsp.TimeStampReq.load(asked[0])["message_imprint"]
    assert imprint["hash_algorithm"]["algorithm"].native == "sha384"
    for file in files:
        verified = judge(file, signer.trusted, "-TSA-CAfile", authority.certificate)
        assert verified.good
        assert "Timestamp Server Signature verification: ok" in verified.told


def test_the_fallback_is_asked_when_the_first_server_gives_none(
    signer: SigningServer, authority: Authority, work: Path
) -> None:
    files = [samples.tiny_pe(work / f"{name}.exe", name.encode()) for name in "abc"]
    with (
        served(lambda _: (200, REJECTION)) as (first, asked_first),
        served(authority.answer) as (second, asked_second),
    ):
        done = signer.sign(
            "--label", "production", "--tr", first,
            "--fallback-timestamp-server", "http://127.0.0.1:9/closed",
            "--fallback-timestamp-server", second,
            "--max-degree-of-parallelism", "1", *files,
        )  # fmt: skip

    assert done.code == 0, done.err
    assert len(asked_first) == 1  # and the one that answered comes first from then on
    assert len(asked_second) == len(files)


@pytest.mark.parametrize("lie", ["old", "rejection", "rubbish", "error"])
def test_without_a_good_timestamp_nothing_is_signed(
    signer: SigningServer, authority: Authority, work: Path, lie: str
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    before = file.read_bytes()
    of_something_else = timestamps.request(b"another signature", SHA256, 7)
    lies = {
        "old": lambda _: authority.answer(of_something_else),
        "rejection": lambda _: (200, REJECTION),
        "rubbish": lambda _: (200, b"rubbish"),
        "error": lambda _: (404, b"no"),
    }
    with served(lies[lie]) as (url, _):
        done = signer.sign("--label", "production", "--tr", url, file)

    assert done.code == 1
    assert "No timestamp server returned a timestamp" in done.err
    assert url in done.err
    assert file.read_bytes() == before


def test_a_token_is_taken_for_its_own_request_only(authority: Authority) -> None:
    _, answer = authority.answer(timestamps.request(b"signature", SHA256, 7))
    assert timestamps.token(answer, b"signature", SHA256, 7)
    for signature, nonce in ((b"signature", 8), (b"another", 7)):
        with pytest.raises(TimestampError, match="not a timestamp of this request"):
            timestamps.token(answer, signature, SHA256, nonce)


def test_a_refusal_has_a_number_that_can_be_shown() -> None:
    """Python does not write out numbers of more than 4300 digits."""
    with pytest.raises(TimestampError, match=r"refused \(status 2\)"):
        timestamps.token(REJECTION, b"signature", SHA256, 7)
    endless = der.sequence(der.sequence(der.integer(1 << 20_000)))
    with pytest.raises(TimestampError, match="not a timestamp"):
        timestamps.token(endless, b"signature", SHA256, 7)
