"""The options of ``sign`` that scripts for the vendor's tool carry, and its calls."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from signing import samples
from signing.harness import SigningServer
from signotaur_action.errors import ServerError
from signotaur_action.key_server import ServerAddress
from signotaur_action.key_server.signing import HttpSigningService
from signotaur_action.model import CertificateSelector, Secret
from signotaur_action.settings.encodings import codec_name, known_codec
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.sign import named_files, retries_on_failure
from signotaur_wire.signing import CertificateAnswer, SignAnswer
from support.clock import VirtualClock
from support.front import Front, answering, times

CERTIFICATE = "/api/v1/cert/get"
NAME = "Größe.exe"
VENDOR = json.loads((Path(__file__).parents[1] / "keyserver" / "vendor_calls.json").read_text())


def ask(front: Front, key: str, retries: int) -> bytes:
    address = ServerAddress(front.url, retries=retries)
    service = HttpSigningService(address, VirtualClock())
    return service.certificate(Secret(key), CertificateSelector("label", "production"))


@pytest.mark.parametrize(("failures", "retries"), [(0, 0), (1, 1), (2, 3), (9, 9)])
def test_a_call_is_repeated_as_often_as_is_said(
    plain_signer: SigningServer, signing_front: Front, failures: int, retries: int
) -> None:
    signing_front.faults.append(times(failures, answering(503, part=CERTIFICATE)))
    assert ask(signing_front, plain_signer.key, retries) == plain_signer.encoded("production")
    assert len(signing_front.calls("POST")) == failures + 1


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_call_is_not_repeated_more_often(
    plain_signer: SigningServer, signing_front: Front, retries: int
) -> None:
    signing_front.faults.append(answering(503, part=CERTIFICATE))
    with pytest.raises(ServerError, match="answered 503"):
        ask(signing_front, plain_signer.key, retries)
    assert len(signing_front.calls("POST")) == retries + 1


def test_the_command_line_says_how_often(
    plain_signer: SigningServer, signing_front: Front, work: Path
) -> None:
    samples.tiny_pe(work / "a.exe")
    signing_front.faults.append(times(1, answering(503, part=CERTIFICATE)))
    options = ("--label", "curve", "a.exe")
    once = plain_signer.sign("--rf", "0", *options, cwd=work, url=signing_front.url)
    assert once.code == 1, once.said
    assert "answered 503" in once.err
    signing_front.faults.append(times(1, answering(503, part=CERTIFICATE)))
    again = plain_signer.sign(
        "--retries-on-failure", "1", *options, cwd=work, url=signing_front.url
    )
    assert again.code == 0, again.said


@pytest.mark.parametrize("text", ["-1", "101", "many", "1.5"])
def test_other_numbers_are_refused(text: str) -> None:
    settings = Settings({"retries_on_failure": text}, {})
    retries_on_failure(settings)
    assert settings.faults == ["--retries-on-failure: it must be a whole number from 0 to 100"]


# The calls of the vendor's own published client


def test_the_client_sends_the_vendors_calls(
    plain_signer: SigningServer, signing_front: Front, work: Path
) -> None:
    samples.tiny_pe(work / "a.exe")
    options = ("--thumbprint", plain_signer.thumbprint("curve"), "a.exe")
    assert plain_signer.sign(*options, cwd=work, url=f"{signing_front.url}/").code == 0
    sent = {f"{each.method} {each.path}": each for each in signing_front.requests}
    assert list(sent) == list(VENDOR)
    for call, golden in VENDOR.items():
        theirs = {name: type(value) for name, value in golden["request"].items()}
        ours = {name: type(value) for name, value in sent[call].body.items()}
        assert ours.items() <= (theirs | {"thumbprint": str}).items(), call
        headers = {name.lower(): value for name, value in sent[call].headers.items()}
        assert headers["authorization"] == f"Bearer {plain_signer.key}"
        assert headers["content-type"] == headers["accept"] == "application/json"


@pytest.mark.parametrize("kind", ["answer", "refusal"])
def test_the_client_reads_the_vendors_answers(kind: str) -> None:
    certificate, signature = [
        {
            name: "AAEC" if str(value).startswith("(standard base64") else value
            for name, value in golden[kind].items()
        }
        for golden in VENDOR.values()
    ]
    assert CertificateAnswer.from_json(certificate).to_json() == certificate
    assert SignAnswer.from_json(signature).to_json() == signature


# Encodings


@pytest.mark.parametrize(
    ("name", "python"),
    [
        ("UTF8", "utf-8"),
        ("utf8", "utf-8"),
        ("UTF16", "utf-16"),
        ("OEMCodePage", "oem"),
        ("CodePage37", "cp037"),
        ("CodePage850", "cp850"),
        ("CodePage1252", "cp1252"),
        ("CodePage1200", "utf-16-le"),
        ("CodePage65001", "utf-8"),
        ("CodePage28591", "iso8859-1"),
        ("CodePage28605", "iso8859-15"),
        ("CodePage28590", "cp28590"),
        ("CodePage28607", "cp28607"),
    ],
)
def test_the_names_of_the_tool_are_known(name: str, python: str) -> None:
    assert codec_name(name) == python


@pytest.mark.parametrize("name", ["latin-1", "CodePage", "CodePage1252x", "CodePage-1", "hex", ""])
def test_other_names_are_not(name: str) -> None:
    with pytest.raises(ValueError, match="it must be UTF8, UTF16, OEMCodePage"):
        codec_name(name)


@pytest.mark.parametrize("name", ["CodePage1", "CodePage28607", "CodePage99999"])
def test_a_code_page_that_does_not_exist_is_said(name: str) -> None:
    with pytest.raises(ValueError, match=f"this system does not know {name}"):
        known_codec(name)


@pytest.mark.parametrize(
    ("encoding", "write"),
    [
        ("", lambda text: text.encode()),
        ("UTF8", lambda text: text.encode("utf-8-sig")),
        ("UTF16", lambda text: text.encode("utf-16")),
        ("CodePage1252", lambda text: text.encode("cp1252")),
        ("CodePage850", lambda text: text.encode("cp850")),
        ("CodePage28591", lambda text: text.encode("latin-1")),
    ],
)
def test_a_file_list_is_read_in_its_encoding(
    work: Path, encoding: str, write: Callable[[str], bytes]
) -> None:
    (work / NAME).touch()
    (work / "list").write_bytes(write(f"{NAME}\r\n"))
    given = {"file_list": str(work / "list"), "base_directory": str(work)}
    settings = Settings(given | ({"encoding": encoding} if encoding else {}), {})
    assert named_files(settings, []) == [work / NAME]
    assert settings.faults == []


@pytest.mark.parametrize(
    ("encoding", "fault"),
    [
        (None, "--file-list: {} is not utf-8; --encoding chooses another encoding"),
        ("CodePage20127", "--file-list: {} is not ascii; --encoding chooses another encoding"),
        ("latin-1", "--encoding: it must be UTF8, UTF16, OEMCodePage, or CodePage and a number"),
        ("CodePage1", "--encoding: this system does not know CodePage1"),
    ],
)
def test_a_wrong_encoding_is_a_fault(work: Path, encoding: str | None, fault: str) -> None:
    (work / "list").write_bytes(NAME.encode("latin-1"))
    given = {"file_list": str(work / "list"), "base_directory": str(work), "encoding": encoding}
    settings = Settings(given, {})
    named_files(settings, [])
    assert fault.format(work / "list") in settings.faults
