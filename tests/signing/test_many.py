"""Many files at a time, one round trip for each, and a server that dies among them."""

import base64
from pathlib import Path

import pytest

from signing import samples
from signing.harness import SigningServer, judge
from signotaur_action.errors import (
    ServerError,
    SigningRefusedError,
    SignotaurError,
    UnauthorizedError,
)
from signotaur_action.key_server import ServerAddress
from signotaur_action.key_server.signing import HttpSigningService
from signotaur_action.model import CertificateSelector, Secret
from support.clock import VirtualClock
from support.front import Exchange, Fault, Front, answering, times

SIGN, CERTIFICATE = "/api/v1/sign", "/api/v1/cert/get"


def many(folder: Path, count: int) -> list[Path]:
    return [
        samples.tiny_pe(folder / f"{number:03}.exe", samples.MARKER + b"%d" % number)
        for number in range(count)
    ]


def dying_after(count: int) -> Fault:
    """Let so many digests be signed, then drop every connection."""
    left = [count]

    def fault(exchange: Exchange) -> bool:
        if exchange.path != SIGN:
            return False
        left[0] -= 1
        if left[0] >= 0:
            return False
        exchange.drop()
        return True

    return fault


def test_two_hundred_files(plain_signer: SigningServer, signing_front: Front, work: Path) -> None:
    files = many(work, 200)
    done = plain_signer.sign("--label", "production", "*.exe", cwd=work, url=signing_front.url)

    assert done.code == 0, done.err
    assert sum(line.startswith("signed: ") for line in done.err.splitlines()) == 200
    for file in files[::40]:
        assert judge(file, plain_signer.trusted).good
    paths = [each.path for each in signing_front.requests]
    assert sorted(paths) == sorted([CERTIFICATE] + [SIGN] * 200)
    assert len({each.body["digest"] for each in signing_front.calls("POST", SIGN)}) == 200
    assert len(list(work.iterdir())) == 200


def test_only_digests_travel(plain_signer: SigningServer, signing_front: Front, work: Path) -> None:
    file = samples.tiny_pe(work / "a.exe")
    assert plain_signer.sign("--label", "curve", file, url=signing_front.url).code == 0

    get, sign = signing_front.requests
    assert set(get.body) == {"clientVersion", "label"}
    assert set(sign.body) == {
        "clientVersion", "thumbprint", "digest", "digestHashAlgorithm", "fileName",
        "fileSizeInBytes",
    }  # fmt: skip
    assert len(base64.b64decode(sign.body["digest"], validate=True)) == 32
    assert sign.body["fileName"] == "a.exe"
    assert sign.body["fileSizeInBytes"] == 1024
    sent = repr(signing_front.requests)
    for start in range(3):
        part = base64.b64encode(samples.MARKER[start : start + 30]).decode().rstrip("=")
        assert part not in sent
    assert plain_signer.key not in repr([each.body for each in signing_front.requests])


def test_a_server_that_dies_in_the_middle(
    plain_signer: SigningServer, signing_front: Front, work: Path
) -> None:
    files = many(work, 30)
    before = {file: file.read_bytes() for file in files}
    signing_front.faults.append(dying_after(10))
    done = plain_signer.sign(
        "--label",
        "production",
        "--retries-on-failure",
        "0",
        "--json",
        *files,
        url=signing_front.url,
    )

    assert done.code == 1
    result = done.json
    signed = {Path(each["path"]) for each in result["files"] if each["result"] == "signed"}
    assert (len(signed), result["signed"]) == (10, 10)
    assert result["failed"] + result["untried"] == 20
    assert "20 of 30 files could not be signed" in done.err
    assert "it skips the files that are already signed" in done.err
    for file in files:
        if file in signed:
            assert judge(file, plain_signer.trusted).good
        else:
            assert file.read_bytes() == before[file]
            assert file.name in result["what"]
    assert len(list(work.iterdir())) == 30

    signing_front.faults.clear()
    again = plain_signer.sign("--label", "production", "--json", *files, url=signing_front.url)
    assert again.code == 0, again.err
    assert (again.json["signed"], again.json["skipped"]) == (20, 10)


def test_a_moment_of_weakness_is_waited_out(
    plain_signer: SigningServer, signing_front: Front, work: Path
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    signing_front.faults.append(times(2, answering(503, part=SIGN)))
    done = plain_signer.sign("--label", "production", file, url=signing_front.url)
    assert done.code == 0, done.err
    assert len(signing_front.calls("POST", SIGN)) == 3


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (405, b"{}", ServerError, "Signotaur v2 or later is required"),
        (404, b"{}", ServerError, "Signotaur v2 or later is required"),
        (401, b"{}", UnauthorizedError, "refuses the key"),
        (400, b"{}", ServerError, "in a form that this client does not understand"),
        (200, b"{}", ServerError, "that this client does not understand"),
        (
            200,
            b'{"result": 0, "certificate": ""}',
            SigningRefusedError,
            "has no usable certificate",
        ),
        (
            200,
            b'{"result": 3, "message": "no ::error::luck"}',
            SigningRefusedError,
            "no : :error: :l",
        ),
    ],
)
def test_an_answer_without_a_certificate_is_refused(
    signing_front: Front, status: int, body: bytes, kind: type[SignotaurError], said: str
) -> None:
    signing_front.faults.append(answering(status, body, CERTIFICATE))
    service = HttpSigningService(ServerAddress(signing_front.url), VirtualClock())
    with pytest.raises(kind) as caught:
        service.certificate(Secret("k" * 40), CertificateSelector("label", "production"))
    assert said in caught.value.what


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_to_be_compared_with_the_server(signing_front: Front, status: int) -> None:
    """To run the same command again, which is the usual next step, would not help."""
    signing_front.faults.append(answering(status, b"{}", CERTIFICATE))
    service = HttpSigningService(ServerAddress(signing_front.url), VirtualClock())
    with pytest.raises(UnauthorizedError) as caught:
        service.certificate(Secret("k" * 40), CertificateSelector("label", "production"))
    assert caught.value.next is not None
    assert caught.value.next.startswith("Check --sign-server, and that the key belongs")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"result": 0, "signedData": "AAAA"}', "was not made with the certificate"),
        (b'{"result": 1, "message": "limit of the day"}', "limit of the day"),
    ],
)
def test_an_answer_without_a_signature_is_refused(
    plain_signer: SigningServer, signing_front: Front, work: Path, body: bytes, said: str
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    before = file.read_bytes()
    signing_front.faults.append(answering(200, body, SIGN))
    done = plain_signer.sign("--label", "production", file, url=signing_front.url)

    assert done.code == 1
    assert said in done.err
    assert file.read_bytes() == before
