"""Every format, every kind of key and digest: signed by the server, verified by others."""

import subprocess
from pathlib import Path

import pytest

from signing import samples
from signing.harness import SigningServer, judge

ONE_PROGRAM = "launcher.exe"


def test_every_format_is_signed_and_verifies(signer: SigningServer, work: Path) -> None:
    files = samples.one_of_each(work)
    done = signer.sign("--label", "production", "--json", *files)

    assert done.code == 0, done.err
    assert done.json["signed"] == len(files)
    assert {each["result"] for each in done.json["files"]} == {"signed"}
    assert done.json["thumbprint"] == signer.thumbprint("production")
    for file in files:
        assert judge(file, signer.trusted).good, file
    assert {each.name for each in work.iterdir()} == {each.name for each in files}


@pytest.mark.parametrize(
    ("label", "digest"),
    [
        ("production", "sha384"),
        ("production", "SHA512"),
        ("curve", "SHA256"),
        ("curve", "SHA512"),
        ("larger-curve", "SHA384"),
    ],
)
def test_every_key_and_digest(signer: SigningServer, work: Path, label: str, digest: str) -> None:
    files = [samples.tiny_pe(work / "a.exe"), samples.script(work / "a.ps1")]
    done = signer.sign("--label", label, "--fd", digest, *files)

    assert done.code == 0, done.err
    for file in files:
        verified = judge(file, signer.trusted)
        assert verified.good
        assert f"Message digest algorithm  : {digest.upper()}" in verified.told


def test_openssl_finds_the_certificate_and_the_signature(signer: SigningServer, work: Path) -> None:
    file = samples.catalogue(work / "a.cat")
    assert signer.sign("--label", "production", file).code == 0

    listed = subprocess.run(
        ["openssl", "pkcs7", "-inform", "DER", "-in", file, "-print_certs"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    body = signer.certificate("production").split("-----")[2].split()
    assert "".join(body) in "".join(listed.stdout.split())


@pytest.mark.parametrize("selector", [("-t", "{}"), ("--subject", "CN=production")])
def test_every_selector(signer: SigningServer, work: Path, selector: tuple[str, str]) -> None:
    thumbprint = signer.thumbprint("production")
    spaced = " ".join(thumbprint[at : at + 2] for at in range(0, 40, 2)).lower()
    option, form = selector
    file = samples.tiny_pe(work / "a.exe")
    done = signer.sign(option, form.format(spaced), "--json", file)

    assert done.code == 0, done.err
    assert done.json["thumbprint"] == thumbprint


def test_selectors_take_precedence_in_their_documented_order(
    signer: SigningServer, work: Path
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    settings = work / "home" / ".signotaur"
    settings.mkdir(parents=True)
    (settings / "config.json").write_text('{"subject": "CN=nobody", "label": "curve"}')
    by_configuration = signer.sign("--json", file, HOME=str(work / "home"))
    by_option = signer.sign(
        "--replace", "--trust-existing-signatures", "--json", "--subject=CN=nobody",
        "--label=nobody",
        f"--thumbprint={signer.thumbprint('production')}", file, HOME=str(work / "home"),
    )  # fmt: skip

    assert by_configuration.json["thumbprint"] == signer.thumbprint("curve")
    assert by_option.json["thumbprint"] == signer.thumbprint("production")


def test_description_and_further_certificates_become_part_of_the_signature(
    signer: SigningServer, work: Path
) -> None:
    file = samples.tiny_pe(work / "a.exe")
    more = work / "more.pem"
    more.write_text(signer.certificate("curve") + "\n" + signer.certificate("larger-curve"))
    done = signer.sign(
        "--label", "production", "--description", "Prögramm", "--du", "https://example.com/x",
        "--ac", more, file,
    )  # fmt: skip

    assert done.code == 0, done.err
    told = judge(file, signer.trusted, "-verbose").told
    assert "Text description: Prögramm" in told
    assert "URL description: https://example.com/x" in told
    embedded = file.read_bytes()
    assert all(name.encode() in embedded for name in ("curve", "larger-curve", "production"))
    assert judge(file, signer.trusted).good
