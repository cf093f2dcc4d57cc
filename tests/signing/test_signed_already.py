"""Files that are signed already: skipped with a word, signed once more, or signed again."""

from pathlib import Path

from signing import samples
from signing.harness import SigningServer, judge


def test_skip_append_and_replace(signer: SigningServer, work: Path) -> None:
    files = [each for each in samples.one_of_each(work) if each.suffix != ".cat"]
    assert signer.sign("--label", "production", *files).code == 0
    before = {file: file.read_bytes() for file in files}

    skipped = signer.sign("--label", "curve", "--json", *files)
    assert skipped.code == 0
    assert skipped.json["skipped"] == len(files)
    assert "skipped: " in skipped.err
    assert "it is already signed; use --append or --replace to sign it again" in skipped.err
    assert before == {file: file.read_bytes() for file in files}

    trusting = "--trust-existing-signatures"
    assert signer.sign("--label", "curve", "--append", trusting, *files).code == 0
    for file in files:
        verified = judge(file, signer.trusted)
        assert (verified.good, verified.signatures) == (True, 2), file
        assert "CN=production" in verified.told

    assert signer.sign("--label", "larger-curve", "--replace", trusting, *files).code == 0
    for file in files:
        verified = judge(file, signer.trusted)
        assert (verified.good, verified.signatures) == (True, 1), file
        assert "CN=production" not in verified.told


def test_a_catalogue_takes_one_signature(signer: SigningServer, work: Path) -> None:
    file = samples.catalogue(work / "a.cat")
    assert signer.sign("--label", "production", file).code == 0
    first = file.read_bytes()

    appended = signer.sign("--label", "curve", "--append", file)
    assert appended.code == 1
    assert "a catalog can have one signature only" in appended.err
    assert file.read_bytes() == first

    assert signer.sign("--label", "curve", "--replace", file).code == 0
    assert "CN=curve" in judge(file, signer.trusted).told
