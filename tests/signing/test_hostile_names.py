"""Names of files come from the checkout, and JSON on stdout is read by the CI system as well.

``sign --json`` printed six openings of CI commands for these files. Now it prints none, and the
JSON decodes to the exact names.
"""

import json
import re
from pathlib import Path

import pytest

from signing import samples
from signing.harness import SigningServer
from support.runner import Step

NAMES = [
    "##[stop-commands]x.ps1",
    "##[add-mask]x.ps1",
    "a##vso[task.setvariable variable=A]b.ps1",
    "##teamcity[setParameter name='A' value='b'].ps1",
    "@@continua[setServerVariable name='A' value='b'].ps1",
    "::add-mask::x.ps1",
    "::set-output name=a::b.ps1",
    "a\n::add-mask::signed.ps1",
    "###[[@@@::::\\.ps1",
]
OPENINGS = re.compile(r"@@continua\[|##vso\[|##teamcity\[|##\[", re.IGNORECASE)


@pytest.mark.parametrize("broken", [False, True], ids=["all signed", "some not signed"])
@pytest.mark.parametrize("job", [{}, {"GITHUB_ACTIONS": "true"}], ids=["shell", "GitHub job"])
def test_json_names_files_exactly_and_is_never_obeyed(
    plain_signer: SigningServer, work: Path, job: dict[str, str], *, broken: bool
) -> None:
    files = [samples.script(work / name) for name in NAMES]
    if broken:
        files[0].write_bytes(b"")
        samples.tiny_pe(work / "##[error]broken.ps1").write_bytes(b"\0")
    done = plain_signer.sign("--label", "curve", "--json", "*.ps1", cwd=work, **job)
    assert done.code == (1 if broken else 0), done.said

    step = Step()
    step.read(done.out.encode())
    assert {command.name for command in step.obeyed} <= {"add-mask", "error"}
    assert "x.ps1" not in step.masker.secrets
    [line] = [line for line in step.shown if line.startswith("{")]
    assert not OPENINGS.search(done.out)
    told = {each["path"] for each in json.loads(line)["files"]}
    assert told == {path.name for path in work.iterdir()}
