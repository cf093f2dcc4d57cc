"""The guard: a key near its end signs nothing at all."""

from pathlib import Path

from signing import samples
from signing.harness import SigningServer
from support.front import Front


def test_a_key_that_ends_within_the_window_signs_nothing(
    plain_signer: SigningServer, signing_front: Front, work: Path
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    before = file.read_bytes()
    short = plain_signer.server.add_key(expires_in="5d")
    done = plain_signer.sign(
        "--label", "production", "--fail-if-expiring-within", "7d", "--json", file,
        url=signing_front.url, SIGNOTAUR_API_KEY=short,
    )  # fmt: skip

    assert done.code == 13
    assert "expires in" in done.err
    assert "Nothing was signed" in done.err
    assert (done.json["signed"], done.json["error"]) == (0, "expiring")
    assert [each.path for each in signing_front.requests] == ["/api/v1/keys/self"]
    assert file.read_bytes() == before


def test_a_key_with_time_left_signs(plain_signer: SigningServer, work: Path) -> None:
    file = samples.tiny_pe(work / "a.exe")
    done = plain_signer.sign("--label", "curve", "--fail-if-expiring-within", "7d", file)
    assert done.code == 0, done.err
